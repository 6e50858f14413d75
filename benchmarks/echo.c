/* The limit of this machine: a UDP server that does nothing but receive and send.

       echo PORT

   It sends each message back with the QR bit set, in batches as they come: one recvmmsg that waits
   for the first message and takes those that are there, one sendmmsg for all of them. What a name
   server spends beyond this is its own. SIGTERM ends it; it then prints how many messages and
   batches there were. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, MESSAGE_OCTETS_MAX = 512, FLAGS_AT = 2, QR = 0x80 };

static volatile sig_atomic_t stopped = 0;

static void stop(int signal_number) {
    (void)signal_number;
    stopped = 1;
}

static int bound(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int file = socket(AF_INET, SOCK_DGRAM, 0);
    if (file < 0 || bind(file, (struct sockaddr *)&address, sizeof address) != 0) {
        perror("echo: cannot bind");
        exit(1);
    }
    return file;
}

int main(int count, char **arguments) {
    static unsigned char messages[BATCH][MESSAGE_OCTETS_MAX];
    static struct sockaddr_in clients[BATCH];
    static struct iovec places[BATCH];
    static struct mmsghdr batch[BATCH];
    unsigned long long messages_total = 0, batches_total = 0;

    if (count != 2) {
        fprintf(stderr, "usage: echo PORT\n");
        return 2;
    }
    struct sigaction action = {.sa_handler = stop}; /* no SA_RESTART: recvmmsg is to end */
    sigaction(SIGTERM, &action, NULL);
    int file = bound(atoi(arguments[1]));
    while (!stopped) {
        for (int place = 0; place < BATCH; place++) {
            places[place] = (struct iovec){messages[place], MESSAGE_OCTETS_MAX};
            batch[place].msg_hdr = (struct msghdr){
                .msg_name = &clients[place],
                .msg_namelen = sizeof clients[place],
                .msg_iov = &places[place],
                .msg_iovlen = 1,
            };
        }
        int received = recvmmsg(file, batch, BATCH, MSG_WAITFORONE, NULL);
        if (received < 0)
            continue; /* interrupted, or an ICMP error: neither is a message */
        for (int place = 0; place < received; place++) {
            places[place].iov_len = batch[place].msg_len;
            if (batch[place].msg_len > FLAGS_AT)
                messages[place][FLAGS_AT] |= QR;
        }
        messages_total += (unsigned)received;
        batches_total += 1;
        for (int begun = 0; begun < received;) {
            int sent = sendmmsg(file, batch + begun, (unsigned)(received - begun), 0);
            begun += sent > 0 ? sent : errno == EINTR ? 0 : 1; /* one refused is passed over */
        }
    }
    printf("%llu messages in %llu batches\n", messages_total, batches_total);
    return 0;
}
