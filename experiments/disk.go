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

// leastRoom is what must be free before anything goes on, bytes.
const leastRoom = 1 << 20

// roomy repeats work until the disk is not full any more. The work may be done twice; it needs that many bytes.
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

// awaitRoom waits until that many bytes are free in the results folder, and says so. Nothing begins meanwhile; workers that
// have room go on. The error is ctx's, joined with the error that found the disk full.
func (c *coordinator) awaitRoom(ctx context.Context, need int64, full error) error {
	need = max(need, leastRoom)
	c.event(folder.Event{Status: "paused", Message: fmt.Sprintf("the disk is full; nothing is lost: "+
		"free %.0f MB in %s and it goes on by itself, or press Ctrl-C (%v)", float64(need)/1e6, c.Results, full)})
	for !room(c.Results, need) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), full)
		case <-time.After(time.Second):
		}
		_ = c.renew() // it may fail for the same disk
	}
	c.event(folder.Event{Status: "resumed", Message: "there is room again"})
	return nil
}

// need is how many free bytes a run needs: a checkpoint of its parameters and two moments, and once more its shard.
func (c *coordinator) need(j job) int64 {
	need := int64(leastRoom + 3*4*j.Params)
	if info, err := os.Stat(filepath.Join(c.dir(j.ID), folder.Shard)); err == nil {
		need += info.Size()
	}
	return need
}

// room reports whether that many bytes can be had in a folder. It asks for them, and so it sees a quota too.
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
