// A bell on which threads wait without Go's scheduler, because that may wake a goroutine milliseconds late.
#ifndef OC_BELL_H
#define OC_BELL_H

#include <pthread.h>

typedef struct {
	pthread_mutex_t mutex;
	pthread_cond_t rung;
	unsigned long rings;
} oc_bell;

// Makes a bell that has rung 0 times out of zeroed memory. The caller owns the memory, which must not move.
void oc_bell_begin(oc_bell *bell);

void oc_bell_end(oc_bell *bell);

// Rings the bell. The threads that it wakes see everything written before.
void oc_ring(oc_bell *bell);

// Waits until the number of rings differs from `heard`, and returns that number. It spins for a while before it sleeps.
unsigned long oc_await(oc_bell *bell, unsigned long heard);

#endif
