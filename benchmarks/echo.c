/* The limit of this machine: a UDP server that does nothing but receive and send.

       echo PORT [WORKERS]

   It sends each message back with the QR bit set, in batches as they come: one recvmmsg that waits
   for the first message and takes those that are there, one sendmmsg for all of them. What a name
   server spends beyond this is its own. Several workers are threads with a socket each, among which
   the kernel shares out the clients. SIGTERM ends it; each worker then prints how many messages and
   batches it had. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, MESSAGE_OCTETS_MAX = 512, FLAGS_AT = 2, QR = 0x80, WORKERS_MAX = 64 };

struct worker {
    int file;
    unsigned long long messages, batches;
};

static int bound(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int yes = 1;
    int file = socket(AF_INET, SOCK_DGRAM, 0);
    if (file < 0 || setsockopt(file, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) != 0 ||
        bind(file, (struct sockaddr *)&address, sizeof address) != 0) {
        perror("echo: cannot bind");
        exit(1);
    }
    return file;
}

/* Serves one socket, as long as the process lives; counts messages and batches. */
static void *serve(void *argument) {
    struct worker *worker = argument;
    static _Thread_local unsigned char messages[BATCH][MESSAGE_OCTETS_MAX];
    struct sockaddr_in clients[BATCH];
    struct iovec places[BATCH];
    struct mmsghdr batch[BATCH];

    for (;;) {
        for (int place = 0; place < BATCH; place++) {
            places[place] = (struct iovec){messages[place], MESSAGE_OCTETS_MAX};
            batch[place].msg_hdr = (struct msghdr){
                .msg_name = &clients[place],
                .msg_namelen = sizeof clients[place],
                .msg_iov = &places[place],
                .msg_iovlen = 1,
            };
        }
        int received = recvmmsg(worker->file, batch, BATCH, MSG_WAITFORONE, NULL);
        if (received < 0)
            continue; /* interrupted, or an ICMP error: neither is a message */
        for (int place = 0; place < received; place++) {
            places[place].iov_len = batch[place].msg_len;
            if (batch[place].msg_len > FLAGS_AT)
                messages[place][FLAGS_AT] |= QR;
        }
        worker->messages += (unsigned)received;
        worker->batches += 1;
        for (int begun = 0; begun < received;) {
            int sent = sendmmsg(worker->file, batch + begun, (unsigned)(received - begun), 0);
            begun += sent > 0 ? sent : errno == EINTR ? 0 : 1; /* one refused is passed over */
        }
    }
    return NULL;
}

int main(int count, char **arguments) {
    static struct worker workers[WORKERS_MAX];
    int wanted = count > 2 ? atoi(arguments[2]) : 1;
    if (count < 2 || wanted < 1 || wanted > WORKERS_MAX) {
        fprintf(stderr, "usage: echo PORT [WORKERS]\n");
        return 2;
    }
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL); /* in all threads: the first waits for it below */
    for (int place = 0; place < wanted; place++) {
        pthread_t thread;
        workers[place].file = bound(atoi(arguments[1]));
        if (pthread_create(&thread, NULL, serve, &workers[place]) != 0) {
            fprintf(stderr, "echo: no thread\n");
            return 1;
        }
    }
    int ended;
    sigwait(&ends, &ended);
    for (int place = 0; place < wanted; place++)
        printf("%llu messages in %llu batches\n", workers[place].messages, workers[place].batches);
    return 0;
}
