/*
 * What OpenMP promises, each promise with a check; says what was broken, and
 * exits with how many were.
 */
#include <limits.h>
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int broken;

#define CHECK(what)                                                            \
    do {                                                                       \
        if (!(what)) {                                                         \
            _Pragma("omp atomic") broken++;                                    \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
        }                                                                      \
    } while (0)

#define N 1000

/* ---- teams and the API ---- */

static void header_api(void)
{
    CHECK(omp_get_num_threads() == 1 && omp_get_thread_num() == 0);
    CHECK(omp_get_max_threads() == 4);
    CHECK(omp_get_level() == 0 && !omp_in_parallel());
    CHECK(omp_get_num_devices() == 0 && omp_is_initial_device());
    CHECK(omp_get_num_procs() >= 1);
    CHECK(omp_get_max_active_levels() == 1);
    omp_set_max_active_levels(3);
    CHECK(omp_get_max_active_levels() == 3);
    omp_set_max_active_levels(1);
    omp_sched_t kind;
    int chunk;
    omp_set_schedule(omp_sched_guided, 7);
    omp_get_schedule(&kind, &chunk);
    CHECK(kind == omp_sched_guided && chunk == 7);
    bool seen[4] = { false };
#pragma omp parallel shared(seen)
    {
        CHECK(omp_get_num_threads() == 4 && omp_in_parallel());
        CHECK(omp_get_level() == 1 && omp_get_active_level() == 1);
        CHECK(omp_get_team_size(1) == 4 && omp_get_team_size(0) == 1 && omp_get_team_size(2) == -1);
        CHECK(omp_get_ancestor_thread_num(0) == 0);
        CHECK(omp_get_ancestor_thread_num(1) == omp_get_thread_num());
        seen[omp_get_thread_num()] = true;
    }
    CHECK(seen[0] && seen[1] && seen[2] && seen[3]);
    CHECK(omp_get_level() == 0);
}

static void setting_num_threads(void)
{
    int n = 0;
    omp_set_num_threads(3);
#pragma omp parallel
#pragma omp atomic
    n++;
    CHECK(n == 3 && omp_get_max_threads() == 3);
#pragma omp parallel num_threads(5)
#pragma omp atomic
    n++;
    CHECK(n == 8);
#pragma omp parallel if (n < 0)
#pragma omp atomic
    n++;
    CHECK(n == 9);
#pragma omp parallel
#pragma omp atomic
    n++;
    CHECK(n == 12);
    omp_set_num_threads(4);
}

static void nested(void)
{
    int inner = 0, outer = 0;
#pragma omp parallel num_threads(3)
    {
        int mine = omp_get_thread_num(), sum = 0;
#pragma omp atomic
        outer++;
#pragma omp parallel num_threads(4)
        {
            CHECK(omp_get_num_threads() == 1 && omp_get_thread_num() == 0);
            CHECK(omp_get_level() == 2 && omp_get_active_level() == 1);
            CHECK(omp_get_ancestor_thread_num(1) == mine);
#pragma omp atomic
            inner++;
#pragma omp for reduction(+ : sum) schedule(dynamic)
            for (int i = 0; i < 10; i++) {
                sum += i;
            }
            CHECK(sum == 45);
        }
    }
    CHECK(outer == 3 && inner == 3);
}

/* A region with as many variables as many programs have. */
static void many_variables(void)
{
    int a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8, i = 9, j = 10, k = 11, l = 12;
    int m = 13, n = 14, o = 15, p = 16, q = 17, r = 18, s = 19, t = 20;
    double x = 0.5;
    long long y = 1LL << 40;
#pragma omp parallel firstprivate(x, y)
    {
        CHECK(x == 0.5 && y == 1LL << 40);
#pragma omp critical
        {
            a++, b++, c++, d++, e++, f++, g++, h++, i++, j++, k++, l++;
            m++, n++, o++, p++, q++, r++, s++, t++;
        }
    }
    CHECK(a + b + c + d + e + f + g + h + i + j + k + l + m + n + o + p + q + r + s + t == 210 + 80);
#pragma omp parallel
    {
    }
}

/* ---- loops ---- */

static int owner[N];

static bool once_each(int n, int times)
{
    for (int i = 0; i < n; i++) {
        if (owner[i] != times) {
            return false;
        }
    }
    memset(owner, 0, sizeof owner);
    return true;
}

static void static_schedules(void)
{
#pragma omp parallel
    {
        int mine = omp_get_thread_num();
        /* As equal as can be, in order: 250 each. */
#pragma omp for schedule(static)
        for (int i = 0; i < N; i++) {
            CHECK(i / 250 == mine);
            owner[i]++;
        }
#pragma omp for schedule(static, 10)
        for (int i = 0; i < N; i++) {
            CHECK(i / 10 % 4 == mine);
            owner[i]++;
        }
        /* Fewer than there are threads. */
#pragma omp for schedule(static)
        for (int i = 0; i < 3; i++) {
            owner[i] += 0;
        }
#pragma omp for
        for (int i = N - 1; i >= 0; i -= 1) {
            owner[i]++;
        }
#pragma omp for
        for (unsigned i = 3; i < N; i += 7) {
            owner[i] += 10;
        }
#pragma omp for
        for (long long i = 0; i < N; i++) {
            owner[i]++;
        }
#pragma omp for schedule(static, 3)
        for (unsigned long long i = 0; i < N; i++) {
            owner[i]++;
        }
#pragma omp for
        for (int i = 10; i < 10; i++) {
            owner[i] = -1;
        }
    }
    for (int i = 3; i < N; i += 7) {
        owner[i] -= 10;
    }
    CHECK(once_each(N, 5));
    int last = 0;
#pragma omp parallel for lastprivate(last)
    for (int i = 0; i < 77; i++) {
        last = i;
    }
    CHECK(last == 76);
#pragma omp parallel for schedule(static, 5) lastprivate(last)
    for (int i = 0; i < 78; i++) {
        last = i;
    }
    CHECK(last == 77);
    /* At the ends of the types. */
    int n = 0;
#pragma omp parallel for reduction(+ : n)
    for (int i = INT_MAX - 10; i < INT_MAX; i++) {
        n++;
    }
    CHECK(n == 10);
    n = 0;
#pragma omp parallel for reduction(+ : n)
    for (int i = INT_MIN; i < INT_MIN + 3; i++) {
        n++;
    }
    CHECK(n == 3);
    n = 0;
#pragma omp parallel for reduction(+ : n)
    for (uint64_t i = UINT64_MAX - 9; i < UINT64_MAX; i += 4) {
        n++;
    }
    CHECK(n == 3);
#pragma omp parallel for collapse(2)
    for (int i = 0; i < 20; i++) {
        for (int j = 0; j < 50; j++) {
            owner[i * 50 + j]++;
        }
    }
    CHECK(once_each(N, 1));
#pragma omp parallel for simd
    for (int i = 0; i < N; i++) {
        owner[i]++;
    }
    CHECK(once_each(N, 1));
}

static void dynamic_schedules(void)
{
    int last = -1;
#pragma omp parallel
    {
        /* Many loops without a barrier: threads are ahead of others. */
        for (int round = 0; round < 10; round++) {
#pragma omp for schedule(dynamic) nowait
            for (int i = 0; i < N; i++) {
#pragma omp atomic
                owner[i]++;
            }
#pragma omp for schedule(dynamic, 7) nowait
            for (int i = N - 1; i >= 0; i--) {
#pragma omp atomic
                owner[i]++;
            }
#pragma omp for schedule(guided) nowait
            for (unsigned i = 0; i < N; i++) {
#pragma omp atomic
                owner[i]++;
            }
#pragma omp for schedule(guided, 20) nowait
            for (long long i = 0; i < N; i++) {
#pragma omp atomic
                owner[i]++;
            }
#pragma omp for schedule(dynamic, 3) nowait
            for (uint64_t i = 0; i < N; i++) {
#pragma omp atomic
                owner[i]++;
            }
#pragma omp for schedule(runtime) nowait
            for (int i = 0; i < N; i++) {
#pragma omp atomic
                owner[i]++;
            }
#pragma omp for schedule(auto) nowait
            for (int i = 0; i < N; i++) {
#pragma omp atomic
                owner[i]++;
            }
#pragma omp for schedule(dynamic) nowait
            for (int i = 5; i < 5; i++) {
                owner[i] = -100;
            }
        }
#pragma omp barrier
#pragma omp for schedule(dynamic, 9) lastprivate(last)
        for (int i = 0; i < 100; i++) {
            last = i;
        }
    }
    CHECK(once_each(N, 70));
    CHECK(last == 99);
    omp_set_schedule(omp_sched_dynamic, 5);
    int n = 0;
#pragma omp parallel for schedule(runtime) reduction(+ : n)
    for (int i = 0; i < 1234; i++) {
        n++;
    }
    CHECK(n == 1234);
    omp_set_schedule(omp_sched_static, 5);
#pragma omp parallel for schedule(runtime) reduction(+ : n)
    for (int i = 0; i < 1234; i++) {
        n++;
    }
    CHECK(n == 2468);
    n = 0;
#pragma omp parallel for schedule(dynamic, 1000) reduction(+ : n)
    for (unsigned i = UINT_MAX - 5000; i < UINT_MAX - 1; i += 999) {
        n++;
    }
    CHECK(n == 6);
}

static void ordered(void)
{
    int next = 0;
#pragma omp parallel for ordered schedule(dynamic, 3)
    for (int i = 0; i < 200; i++) {
#pragma omp ordered
        {
            CHECK(next == i);
            next++;
        }
    }
    CHECK(next == 200);
    next = 0;
#pragma omp parallel for ordered
    for (int i = 0; i < 50; i++) {
        /* Not in every iteration. */
        if (i % 3 == 0) {
#pragma omp ordered
            {
                CHECK(next == i);
                next += 3;
            }
        }
    }
    CHECK(next == 51);
}

/* ---- work sharing without loops ---- */

static void sections(void)
{
    int ran[5] = { 0 };
#pragma omp parallel
    {
#pragma omp sections
        {
#pragma omp section
            ran[0]++;
#pragma omp section
            ran[1]++;
#pragma omp section
            ran[2]++;
#pragma omp section
            ran[3]++;
#pragma omp section
            ran[4]++;
        }
        CHECK(ran[0] + ran[1] + ran[2] + ran[3] + ran[4] == 5);
    }
    CHECK(ran[0] == 1 && ran[4] == 1);
}

static void single_and_master(void)
{
    int singles = 0, masters = 0, got[4] = { 0 };
#pragma omp parallel
    {
        for (int i = 0; i < 100; i++) {
#pragma omp single nowait
#pragma omp atomic
            singles++;
        }
#pragma omp barrier
        CHECK(singles == 100);
#pragma omp master
        {
            CHECK(omp_get_thread_num() == 0);
            masters++;
        }
#pragma omp masked filter(2)
        CHECK(omp_get_thread_num() == 2);
        int value = -1;
#pragma omp single copyprivate(value)
        value = 40 + omp_get_num_threads();
        got[omp_get_thread_num()] = value;
    }
    CHECK(masters == 1);
    CHECK(got[0] == 44 && got[1] == 44 && got[2] == 44 && got[3] == 44);
    /* Outside of a region everybody is single. */
#pragma omp single
    singles++;
    CHECK(singles == 101);
}

static void barriers(void)
{
    int arrived = 0;
#pragma omp parallel num_threads(6)
    for (int round = 1; round <= 200; round++) {
#pragma omp atomic
        arrived++;
#pragma omp barrier
        int seen;
#pragma omp atomic read
        seen = arrived;
        CHECK(seen == 6 * round);
#pragma omp barrier
    }
}

/* ---- exclusion ---- */

static void critical_and_atomic(void)
{
    int plain = 0, named = 0, counted = 0, most = INT_MIN;
    double sum = 0;
    float product = 1;
    long long wide = 0;
    unsigned char small = 0;
#pragma omp parallel
    for (int i = 0; i < 500; i++) {
#pragma omp critical
        plain++;
#pragma omp critical(other)
        named++;
#pragma omp atomic
        counted += 2;
#pragma omp atomic
        sum += 0.5;
#pragma omp atomic
        wide += 1LL << 33;
#pragma omp atomic
        small++;
        int before;
#pragma omp atomic capture
        before = counted++;
        CHECK(before >= 0);
#pragma omp critical
        if (i * omp_get_thread_num() > most) {
            most = i * omp_get_thread_num();
        }
        if (i < 10) {
#pragma omp atomic
            product *= 2;
        }
#pragma omp flush
    }
    CHECK(plain == 2000 && named == 2000 && counted == 6000 && sum == 1000);
    CHECK(wide == 2000LL << 33 && small == (unsigned char)2000 && most == 499 * 3);
    CHECK(product == powf(2, 40));
}

static void locks(void)
{
    omp_lock_t lock;
    omp_nest_lock_t nest;
    omp_init_lock(&lock);
    omp_init_nest_lock(&nest);
    int counted = 0, nested = 0, had = 0;
#pragma omp parallel
    for (int i = 0; i < 300; i++) {
        omp_set_lock(&lock);
        counted++;
        omp_unset_lock(&lock);
        omp_set_nest_lock(&nest);
        CHECK(omp_test_nest_lock(&nest) == 2);
        nested++;
        omp_unset_nest_lock(&nest);
        omp_unset_nest_lock(&nest);
        if (omp_test_lock(&lock)) {
            had++;
            omp_unset_lock(&lock);
        }
    }
    CHECK(counted == 1200 && nested == 1200 && had > 0);
    omp_destroy_lock(&lock);
    omp_destroy_nest_lock(&nest);
}

/* ---- reductions ---- */

struct point {
    double x, y;
};

#pragma omp declare reduction(add : struct point : omp_out.x += omp_in.x, omp_out.y += omp_in.y) \
    initializer(omp_priv = (struct point){ 0, 0 })

static void reductions(void)
{
    int sum = 0, most = INT_MIN, least = INT_MAX, all = 1, any = 0, bits = 0, xor = 0;
    long long product = 1;
    double half = 0;
    struct point point = { 1, 2 };
#pragma omp parallel for reduction(+ : sum, half) reduction(max : most) reduction(min : least) \
    reduction(&& : all) reduction(|| : any) reduction(| : bits) reduction(^ : xor) reduction(add : point)
    for (int i = 1; i <= N; i++) {
        sum += i;
        half += 0.5;
        most = i > most ? i : most;
        least = i < least ? i : least;
        all = all && i > 0;
        any = any || i == 500;
        bits |= i;
        xor ^= i;
        point.x += 1;
        point.y += i;
    }
    CHECK(sum == N * (N + 1) / 2 && half == N / 2 && most == N && least == 1);
    CHECK(all && any && bits == 1023 && xor == 1000);
    CHECK(point.x == N + 1 && point.y == 2 + N * (N + 1) / 2);
#pragma omp parallel for reduction(* : product) schedule(dynamic)
    for (int i = 1; i <= 20; i++) {
        product *= i;
    }
    CHECK(product == 2432902008176640000LL);
    int array[5] = { 0 };
#pragma omp parallel for reduction(+ : array)
    for (int i = 0; i < N; i++) {
        array[i % 5] += i;
    }
    CHECK(array[0] == 99500 && array[4] == 100300);
    /* Again and again, in one region and in many, and with one thread. */
    for (int round = 0; round < 50; round++) {
        int again = 0;
#pragma omp parallel num_threads(1 + round % 5)
        {
#pragma omp for reduction(+ : again)
            for (int i = 0; i < 100; i++) {
                again++;
            }
#pragma omp for reduction(+ : again)
            for (int i = 0; i < 100; i++) {
                again++;
            }
            CHECK(again == 200);
        }
    }
    double complex_sum = 0;
    int shift = 3;
#pragma omp parallel reduction(+ : complex_sum) firstprivate(shift)
    {
        shift += omp_get_thread_num();
        complex_sum += shift;
    }
    CHECK(complex_sum == 4 * 3 + 0 + 1 + 2 + 3);
}

/* ---- data ---- */

static int of_each = 5;
#pragma omp threadprivate(of_each)

static void data(void)
{
    int shared_one = 1, private_one = 2, first = 3;
#pragma omp parallel default(none) shared(shared_one, broken, stderr) private(private_one) firstprivate(first)
    {
        private_one = omp_get_thread_num();
        first += private_one;
        CHECK(first == 3 + omp_get_thread_num());
#pragma omp atomic
        shared_one += private_one;
    }
    CHECK(shared_one == 1 + 0 + 1 + 2 + 3 && private_one == 2 && first == 3);
    of_each = 7;
#pragma omp parallel copyin(of_each)
    {
        CHECK(of_each == 7);
        of_each += omp_get_thread_num();
    }
#pragma omp parallel
    CHECK(of_each == 7 + omp_get_thread_num());
}

static long fibonacci(int n)
{
    if (n < 2) {
        return n;
    }
    long a, b;
#pragma omp task shared(a)
    a = fibonacci(n - 1);
#pragma omp task shared(b)
    b = fibonacci(n - 2);
#pragma omp taskwait
    return a + b;
}

static void tasks(void)
{
    long result = 0;
#pragma omp parallel
#pragma omp single
    result = fibonacci(15);
    CHECK(result == 610);
    int n = 0;
#pragma omp parallel
#pragma omp single
#pragma omp taskloop shared(n)
    for (int i = 0; i < 100; i++) {
#pragma omp atomic
        n++;
    }
    CHECK(n == 100);
}

/* ---- whole computations ---- */

static void pi(void)
{
    double sum = 0;
    int steps = 1000000;
#pragma omp parallel for reduction(+ : sum)
    for (int i = 0; i < steps; i++) {
        double x = (i + 0.5) / steps;
        sum += 4 / (1 + x * x);
    }
    CHECK(fabs(sum / steps - 3.14159265358979) < 1e-9);
}

static void memory_stress(void)
{
    long wrong = 0;
#pragma omp parallel for reduction(+ : wrong) schedule(dynamic)
    for (int i = 0; i < 200; i++) {
        int n = 10000 + i * 13;
        int* numbers = malloc(sizeof *numbers * (size_t)n);
        for (int j = 0; j < n; j++) {
            numbers[j] = i * j;
        }
        for (int j = 0; j < n; j++) {
            wrong += numbers[j] != i * j;
        }
        free(numbers);
    }
    CHECK(wrong == 0);
}

static void clock_goes_on(void)
{
    double before = omp_get_wtime();
    CHECK(omp_get_wtick() > 0 && omp_get_wtick() < 1);
    while (omp_get_wtime() - before < 0.002) {
    }
}

int main(void)
{
    omp_set_num_threads(4);
    header_api();
    setting_num_threads();
    nested();
    many_variables();
    static_schedules();
    dynamic_schedules();
    ordered();
    sections();
    single_and_master();
    barriers();
    critical_and_atomic();
    locks();
    reductions();
    data();
    tasks();
    pi();
    memory_stress();
    clock_goes_on();
    if (broken == 0) {
        printf("omp: all as promised\n");
    }
    return broken;
}
