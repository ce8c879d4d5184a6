package store

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// A database can lie in any folder and bear any name that the system allows: SQLite reads the path as a URI, and its
// driver cuts it at a question mark.
func TestAnyPath(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"sp ace %41#ü?", "a?mode=memory", "%", "a%2fb", "#", ":memory:", "-x", "file:a?b#c",
		"new\nline", `back\slash`, "\xff", "a&b=c;'\""} {
		must(t, os.Mkdir(name, 0o777))
		here, err := filepath.Abs(name)
		must(t, err)
		for i, dir := range []string{name, here, "/" + here} {
			path := dir + "/" + name // not cleaned: two slashes begin the last
			db := sample(t, path)
			want := dump(t, db)
			copied := path + " copy"
			must(t, db.Backup(context.Background(), copied))
			merged := open(t, dir+"/merged")
			if _, err := merged.Merge(copied); err != nil {
				t.Errorf("%q, spelling %d: %v", name, i, err)
			}
			if got := dump(t, merged); got != want {
				t.Errorf("%q, spelling %d: merged\n%s\nwant\n%s", name, i, got, want)
			}
			read, err := OpenReadOnly(path)
			if err != nil {
				t.Errorf("%q, spelling %d: %v", name, i, err)
				continue
			}
			must(t, read.Close())
			must(t, db.Close())
			must(t, merged.Close())
			for _, file := range []string{name, name + " copy", "merged"} {
				must(t, os.Remove(filepath.Join(here, file))) // fails if it lies elsewhere
			}
		}
	}
	t.Chdir(t.TempDir())
	bare := sample(t, ":memory:")
	must(t, bare.Close())
	if _, err := os.Stat(":memory:"); err != nil {
		t.Error(err)
	}
}
