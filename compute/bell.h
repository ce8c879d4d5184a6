// What threads wait for without the scheduler of Go, whose woken goroutines may come milliseconds late.
#ifndef OC_BELL_H
#define OC_BELL_H

#include <pthread.h>

typedef struct {
	pthread_mutex_t mutex;
	pthread_cond_t rung;
	unsigned long rings;
} oc_bell;

// Makes zeroed memory a bell that has rung 0 times. The memory is the caller's and must not move.
void oc_bell_begin(oc_bell *bell);

void oc_bell_end(oc_bell *bell);

// Rings: what was written before is seen by all whom it wakes.
void oc_ring(oc_bell *bell);

// Waits until the bell has rung other than `heard` times, and returns how often it has. It looks for a while before it sleeps.
unsigned long oc_await(oc_bell *bell, unsigned long heard);

#endif
