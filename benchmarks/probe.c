/* Latency as a client meets it: asks at an even pace and times every answer.

       probe PORT FILE RATE SECONDS

   FILE holds messages, each after its length in two octets (RFC 1035 §4.2.2), asked in turn and
   from the beginning again at the end. An answer's time is the kernel's, when it reached the socket,
   so that it is no matter when this process gets a processor to read it. SIGTERM ends the asking
   early. It prints how many were sent and answered, then the nanoseconds of each answer, a line
   each; what is not answered within a second of the last question is lost. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { IDS = 65536, MESSAGE_OCTETS_MAX = 512, LENGTH_OCTETS = 2, ID_OCTETS = 2 };
static const int64_t SECOND_NS = 1000000000;

static volatile sig_atomic_t stopped = 0;
static int64_t sent_at[IDS]; /* by message id; 0: no such question is open */
static int64_t *latencies;
static size_t answered = 0, asked = 0, room = 0;

static void stop(int signal_number) {
    (void)signal_number;
    stopped = 1;
}

static void fail(const char *what) {
    fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t nanoseconds(struct timespec time) {
    return (int64_t)time.tv_sec * SECOND_NS + time.tv_nsec;
}

static int64_t now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return nanoseconds(time);
}

static int connected(int port) {
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int yes = 1;
    int file = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (file < 0 || setsockopt(file, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes) != 0 ||
        connect(file, (struct sockaddr *)&server, sizeof server) != 0)
        fail("no socket");
    return file;
}

/* Takes the answers that are there. */
static void take(int file) {
    unsigned char message[MESSAGE_OCTETS_MAX];
    union {
        struct cmsghdr header;
        char octets[CMSG_SPACE(sizeof(struct timespec))];
    } control;
    struct iovec place = {message, sizeof message};
    for (;;) {
        struct msghdr header = {.msg_iov = &place, .msg_iovlen = 1, .msg_control = &control,
                                .msg_controllen = sizeof control};
        ssize_t size = recvmsg(file, &header, 0);
        if (size < ID_OCTETS) /* none is left, or none listens there */
            return;
        unsigned id = (unsigned)message[0] << 8 | message[1];
        struct cmsghdr *stamp = CMSG_FIRSTHDR(&header);
        if (sent_at[id] == 0 || stamp == NULL)
            continue;
        struct timespec arrived;
        memcpy(&arrived, CMSG_DATA(stamp), sizeof arrived);
        if (answered == room) {
            room = room ? 2 * room : IDS;
            latencies = realloc(latencies, room * sizeof *latencies);
            if (latencies == NULL)
                fail("no memory");
        }
        latencies[answered++] = nanoseconds(arrived) - sent_at[id];
        sent_at[id] = 0;
    }
}

/* Waits for answers until a time of the monotonic clock. */
static void wait_until(int file, int64_t due) {
    for (int64_t left = due - now(CLOCK_MONOTONIC); left > 0; left = due - now(CLOCK_MONOTONIC)) {
        struct pollfd watched = {.fd = file, .events = POLLIN};
        struct timespec time = {.tv_sec = left / SECOND_NS, .tv_nsec = left % SECOND_NS};
        if (ppoll(&watched, 1, &time, NULL) > 0)
            take(file);
        if (stopped)
            return;
    }
}

static void ask(int file, const unsigned char *question, size_t size) {
    unsigned char message[MESSAGE_OCTETS_MAX];
    unsigned id = (unsigned)(asked % IDS);
    memcpy(message, question, size);
    message[0] = (unsigned char)(id >> 8);
    message[1] = (unsigned char)id;
    sent_at[id] = now(CLOCK_REALTIME);
    if (send(file, message, size, 0) < 0)
        sent_at[id] = 0; /* counts as lost */
    asked++;
}

int main(int count, char **arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: probe PORT FILE RATE SECONDS\n");
        return 2;
    }
    int questions = open(arguments[2], O_RDONLY);
    struct stat about;
    if (questions < 0 || fstat(questions, &about) != 0)
        fail(arguments[2]);
    size_t end = (size_t)about.st_size, at = 0;
    unsigned char *octets = mmap(NULL, end, PROT_READ, MAP_PRIVATE, questions, 0);
    if (octets == MAP_FAILED)
        fail(arguments[2]);
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    int file = connected(atoi(arguments[1]));
    double interval_ns = (double)SECOND_NS / atof(arguments[3]);
    size_t wanted = (size_t)(atof(arguments[3]) * atof(arguments[4]));
    int64_t begun = now(CLOCK_MONOTONIC);
    while (asked < wanted && !stopped) {
        wait_until(file, begun + (int64_t)((double)asked * interval_ns));
        if (at + LENGTH_OCTETS >= end)
            at = 0;
        size_t size = (size_t)octets[at] << 8 | octets[at + 1];
        if (size < ID_OCTETS || size > MESSAGE_OCTETS_MAX || at + LENGTH_OCTETS + size > end) {
            fprintf(stderr, "probe: no question at octet %zu of %s\n", at, arguments[2]);
            return 1;
        }
        ask(file, octets + at + LENGTH_OCTETS, size);
        at += LENGTH_OCTETS + size;
    }
    stopped = 0;
    int64_t patience = now(CLOCK_MONOTONIC) + SECOND_NS;
    while (answered < asked && now(CLOCK_MONOTONIC) < patience)
        wait_until(file, now(CLOCK_MONOTONIC) + SECOND_NS / 100);
    printf("%zu %zu\n", asked, answered);
    for (size_t place = 0; place < answered; place++)
        printf("%lld\n", (long long)latencies[place]);
    return 0;
}
