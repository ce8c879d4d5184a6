// What threads wait for without the scheduler of Go, whose woken goroutines may come milliseconds late.
#ifndef OC_BELL_H
#define OC_BELL_H

typedef struct oc_bell oc_bell;

// A bell that has rung 0 times; null without memory.
oc_bell *oc_bell_new(void);

void oc_bell_free(oc_bell *bell);

// Rings: what was written before is seen by all whom it wakes.
void oc_ring(oc_bell *bell);

// Waits until the bell has rung other than `heard` times, and returns how often it has. It looks for a while before it sleeps.
unsigned long oc_await(oc_bell *bell, unsigned long heard);

#endif
