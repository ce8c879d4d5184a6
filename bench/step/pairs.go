package main

import (
	"context"
	"sync"
)

// pair compares two runs of one thread each, at once, with two such runs of the peer's best mode.
type pair struct {
	Ours  timed `json:"ours"`
	Rival rival `json:"peer"`
}

// pairs runs two processes of one thread each at once, ours and the peer's by turns, and compares them.
func (b *bench) pairs(ctx context.Context, name string, m mode) (*pair, error) {
	var sides [2][2]*child
	defer func() {
		for _, k := range append(sides[0][:], sides[1][:]...) {
			if k != nil {
				k.end()
			}
		}
	}()
	var err error
	for i := range 2 {
		if sides[0][i], err = b.ours(ctx, name, 1); err != nil {
			return nil, err
		}
		if sides[1][i], err = b.peer(ctx, name, 1, m); err != nil {
			return nil, err
		}
	}
	var times [2][2]timed
	for range b.rounds {
		for side, two := range sides {
			steps, failed := [2][]float64{}, [2]error{}
			n := b.steps(max(two[0].Step, two[1].Step))
			var wait sync.WaitGroup
			for i, k := range two {
				wait.Go(func() { steps[i], failed[i] = k.turn(n) })
			}
			wait.Wait()
			for i := range two {
				if failed[i] != nil {
					return nil, failed[i]
				}
				times[side][i].add(steps[i])
			}
		}
	}
	for side, two := range sides {
		for i, k := range two {
			if times[side][i].Memory, err = k.memory(); err != nil {
				return nil, err
			}
		}
	}
	two := &pair{Ours: mean(times[0][:]), Rival: rival{mode: m, timed: mean(times[1][:])}}
	two.Rival.relativeTo(&two.Ours)
	return two, nil
}
