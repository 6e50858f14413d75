"""Datagrams in batches, as Linux has them: from whom, to which address, and when."""

from libc.stdint cimport uint8_t

cdef enum:
    MESSAGE_OCTETS_MAX = 4096     # no query is so long: one over it is dropped, and counted

cdef extern from * nogil:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <netinet/in.h>
    #include <sched.h>
    #include <sys/socket.h>
    #include <time.h>

    /* One batch's place for the address that a datagram was sent to. */
    union dnsbl_control {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    };

    /* The octets of who sent a message, and how many: an IPv4-mapped address is an IPv4 one. */
    static unsigned int dnsbl_client(const struct sockaddr_in6 *from, unsigned char *address) {
        static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
        if (from->sin6_family == AF_INET) {
            __builtin_memcpy(address, &((const struct sockaddr_in *)from)->sin_addr, 4);
            return 4;
        }
        if (__builtin_memcmp(&from->sin6_addr, mapped, sizeof mapped) == 0) {
            __builtin_memcpy(address, (const unsigned char *)&from->sin6_addr + sizeof mapped, 4);
            return 4;
        }
        __builtin_memcpy(address, &from->sin6_addr, 16);
        return 16;
    }

    /* The reply leaves from the address that was asked, by the interface that routing chooses
       (IPv4) or that it came by (IPv6: link-local addresses mean nothing without). */
    static void dnsbl_turn_round(struct msghdr *message) {
        struct cmsghdr *header = CMSG_FIRSTHDR(message);
        if (header != NULL && header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO
            && header->cmsg_len >= CMSG_LEN(sizeof(struct in_pktinfo))) {
            struct in_pktinfo info;
            __builtin_memcpy(&info, CMSG_DATA(header), sizeof info);
            info.ipi_ifindex = 0;
            info.ipi_addr.s_addr = 0;
            __builtin_memcpy(CMSG_DATA(header), &info, sizeof info);
        }
    }
    """
    ctypedef unsigned int socklen_t
    ctypedef long ssize_t
    struct iovec:
        void* iov_base
        size_t iov_len
    struct msghdr:
        void* msg_name
        socklen_t msg_namelen
        iovec* msg_iov
        size_t msg_iovlen
        void* msg_control
        size_t msg_controllen
        int msg_flags
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    struct sockaddr_in6:
        pass
    struct timespec:
        long tv_sec
        long tv_nsec
    union dnsbl_control:
        pass
    int recvmmsg(int file, mmsghdr* messages, unsigned int count, int flags, timespec* timeout)
    int sendmmsg(int file, mmsghdr* messages, unsigned int count, int flags)
    ssize_t sendmsg(int file, const msghdr* message, int flags)
    int sched_yield()
    int clock_gettime(int clock, timespec* time)
    int CLOCK_REALTIME
    int CLOCK_MONOTONIC
    int MSG_DONTWAIT
    int MSG_WAITFORONE
    int MSG_TRUNC
    void dnsbl_turn_round(msghdr* message)
    unsigned int dnsbl_client(const sockaddr_in6* sender, uint8_t* address)
