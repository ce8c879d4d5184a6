package experiments

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/store"
)

// leastRoom is the number of bytes that must be free before anything goes on.
const leastRoom = 1 << 20

// roomy calls work. As long as work fails because the disk is full, roomy waits until need bytes are free and calls it
// again, so work must be safe to repeat.
func (c *coordinator) roomy(ctx context.Context, need int64, work func() error) error {
	for {
		err := work()
		if !store.IsFull(err) {
			return err
		}
		if err := c.awaitRoom(ctx, need, err); err != nil {
			return err
		}
	}
}

// awaitRoom waits until need bytes are free in the results folder, and says so in events. No worker starts meanwhile;
// workers that have room go on. The error is ctx's, joined with full, the error that found the disk full.
func (c *coordinator) awaitRoom(ctx context.Context, need int64, full error) error {
	need = max(need, leastRoom)
	c.event(folder.Event{Status: "paused", Message: fmt.Sprintf("the disk is full; nothing is lost: "+
		"free %.0f MB in %s and the sweep continues by itself, or press Ctrl-C (%v)", float64(need)/1e6, c.Results, full)})
	for !room(c.Results, need) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), full)
		case <-time.After(time.Second):
		}
		_ = c.renew() // it may fail because of the same disk
	}
	c.event(folder.Event{Status: "resumed", Message: "there is room again"})
	return nil
}

// need returns how many free bytes a run needs: a checkpoint of its parameters and two moments, and its shard once
// more.
func (c *coordinator) need(j job) int64 {
	need := int64(leastRoom + 3*4*j.Params)
	if info, err := os.Stat(filepath.Join(c.dir(j.ID), folder.Shard)); err == nil {
		need += info.Size()
	}
	return need
}

// room reports whether need bytes can be allocated in a folder. It allocates them, so it sees a quota too.
func room(dir string, need int64) bool {
	f, err := os.CreateTemp(dir, ".room-")
	if err != nil {
		return false
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	err = unix.Fallocate(int(f.Fd()), 0, 0, need)
	if errors.Is(err, unix.EOPNOTSUPP) {
		var s unix.Statfs_t
		return unix.Fstatfs(int(f.Fd()), &s) == nil && int64(s.Bavail)*s.Bsize >= need
	}
	return err == nil
}
