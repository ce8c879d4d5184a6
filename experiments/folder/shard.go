package folder

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/outcrop-lab/outcrop/store"
)

// refusedShard is the name under which a damaged shard is set aside.
const refusedShard = Shard + ".refused"

// ReadShard opens the shard in a run's folder for reading. Both shard and refused are nil if there is none, or if it is
// blank, as a power cut may leave one. If the shard is damaged, refused says how, and shard is nil.
func ReadShard(dir string) (shard *store.DB, refused, err error) {
	shard, err = store.OpenReadOnly(filepath.Join(dir, Shard))
	if err == nil {
		if err = shard.Check(); err == nil {
			return shard, nil, nil
		}
		_ = shard.Close()
	}
	switch {
	case errors.Is(err, store.ErrMissing), errors.Is(err, store.ErrBlank):
		return nil, nil, nil
	case errors.Is(err, store.ErrCorrupt):
		return nil, err, nil
	}
	return nil, nil, err
}

// OpenShard opens the shard in a run's folder for writing, and makes it if there is none. The folder must be locked. A
// damaged shard is set aside as run.db.refused, in place of one that was set aside before; refused then says how it is
// damaged.
func OpenShard(dir string) (shard *store.DB, refused, err error) {
	sound, refused, err := ReadShard(dir)
	if err != nil {
		return nil, nil, err
	}
	if sound != nil {
		err = sound.Close()
	} else if refused != nil {
		err = setAside(dir)
	}
	if err != nil {
		return nil, refused, err
	}
	shard, err = store.Open(filepath.Join(dir, Shard))
	return shard, refused, err
}

// setAside renames a shard. SQLite's files go first: a write-ahead log without its database is ignored only as long as
// there is no new database beside it.
func setAside(dir string) error {
	for _, suffix := range []string{"-wal", "-shm", "-journal", ""} {
		to := filepath.Join(dir, refusedShard+suffix)
		err := os.RemoveAll(to)
		if err == nil {
			err = os.Rename(filepath.Join(dir, Shard+suffix), to)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
