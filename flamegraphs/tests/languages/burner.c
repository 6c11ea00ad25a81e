/* Burns CPU in three functions, 3 : 2 : 1, and says what each took by the kernel's own account. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static volatile uint64_t keep;

__attribute__((noinline)) uint64_t work_three(uint64_t ns) {
    uint64_t began = cpu_ns(), sum = 1;
    while (cpu_ns() - began < ns)
        for (uint64_t round = 0; round < 20000; round++)
            sum = sum * 31 + round; /* line of work_three */
    keep = sum;
    return cpu_ns() - began;
}

__attribute__((noinline)) uint64_t work_two(uint64_t ns) {
    uint64_t began = cpu_ns(), sum = 1;
    while (cpu_ns() - began < ns)
        for (uint64_t round = 0; round < 20000; round++)
            sum = sum * 31 + round; /* line of work_two */
    keep = sum;
    return cpu_ns() - began;
}

__attribute__((noinline)) uint64_t work_one(uint64_t ns) {
    uint64_t began = cpu_ns(), sum = 1;
    while (cpu_ns() - began < ns)
        for (uint64_t round = 0; round < 20000; round++)
            sum = sum * 31 + round; /* line of work_one */
    keep = sum;
    return cpu_ns() - began;
}

int main(void) {
    char line[16];
    uint64_t three = 0, two = 0, one = 0;
    puts("ready");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) return 1;
    for (int rounds = atoi(line); rounds > 0; rounds--) {
        three += work_three(3000000);
        two += work_two(2000000);
        one += work_one(1000000);
    }
    printf("truth work_three %llu\n", (unsigned long long)three);
    printf("truth work_two %llu\n", (unsigned long long)two);
    printf("truth work_one %llu\n", (unsigned long long)one);
    puts("end");
    fflush(stdout);
    /* Its files are looked at while it lives. */
    return fgets(line, sizeof line, stdin) ? 0 : 0;
}
