#include "bell.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define OC_LOOK 100000 // nanoseconds that a thread looks before it sleeps

struct oc_bell {
	pthread_mutex_t mutex;
	pthread_cond_t rung;
	atomic_ulong rings;
};

oc_bell *oc_bell_new(void) {
	oc_bell *bell = calloc(1, sizeof *bell);
	if (bell) {
		pthread_mutex_init(&bell->mutex, 0);
		pthread_cond_init(&bell->rung, 0);
	}
	return bell;
}

void oc_bell_free(oc_bell *bell) {
	pthread_cond_destroy(&bell->rung);
	pthread_mutex_destroy(&bell->mutex);
	free(bell);
}

void oc_ring(oc_bell *bell) {
	pthread_mutex_lock(&bell->mutex); // so that none goes to sleep between looking and waiting
	atomic_fetch_add(&bell->rings, 1);
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
			unsigned long rings = atomic_load(&bell->rings);
			if (rings != heard) return rings;
#ifdef __x86_64__
			__builtin_ia32_pause();
#endif
		}
	pthread_mutex_lock(&bell->mutex);
	while (atomic_load(&bell->rings) == heard) pthread_cond_wait(&bell->rung, &bell->mutex);
	pthread_mutex_unlock(&bell->mutex);
	return atomic_load(&bell->rings);
}
