#include "bell.h"

#include <pthread.h>
#include <time.h>

#define OC_LOOK 100000 // nanoseconds that a thread spins before it sleeps

void oc_bell_begin(oc_bell *bell) {
	pthread_mutex_init(&bell->mutex, 0);
	pthread_cond_init(&bell->rung, 0);
}

void oc_bell_end(oc_bell *bell) {
	pthread_cond_destroy(&bell->rung);
	pthread_mutex_destroy(&bell->mutex);
}

static unsigned long rings(oc_bell *bell) { return __atomic_load_n(&bell->rings, __ATOMIC_SEQ_CST); }

void oc_ring(oc_bell *bell) {
	pthread_mutex_lock(&bell->mutex); // so that no thread misses the ring between its check and its wait
	__atomic_fetch_add(&bell->rings, 1, __ATOMIC_SEQ_CST);
	pthread_cond_broadcast(&bell->rung);
	pthread_mutex_unlock(&bell->mutex);
}

static long nanoseconds(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

unsigned long oc_await(oc_bell *bell, unsigned long heard) {
	for (long until = nanoseconds() + OC_LOOK; nanoseconds() < until;)
		for (int i = 0; i < 16; i++) {
			unsigned long now = rings(bell);
			if (now != heard) return now;
#ifdef __x86_64__
			__builtin_ia32_pause();
#endif
		}
	pthread_mutex_lock(&bell->mutex);
	while (rings(bell) == heard) pthread_cond_wait(&bell->rung, &bell->mutex);
	pthread_mutex_unlock(&bell->mutex);
	return rings(bell);
}
