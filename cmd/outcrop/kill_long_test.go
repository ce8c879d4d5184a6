//go:build long

package main

import (
	"fmt"
	"testing"
)

// Every optimizer, with every word and boolean of its parameters, every schedule, after-step rule and way of
// grouping, is killed three times and ends as one that was not killed.
func TestKillsOfEveryCombination(t *testing.T) {
	for i, optimizer := range choices("optim") {
		text, n := kills, 0
		for _, schedule := range choices("schedule") {
			for _, rule := range afterSteps() {
				for _, group := range groups {
					n++
					text += arm(fmt.Sprintf("a%d-%d", i, n), optimizer, rule, group, schedule)
				}
			}
		}
		t.Run(optimizer, func(t *testing.T) { killing(t, text, 3, 3*n/2) })
	}
}
