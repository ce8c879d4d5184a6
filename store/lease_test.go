package store

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// childClaim makes a child claim that many runs of the database (run0, run1 …) and print those that it gets.
const childClaim = "OUTCROP_STORE_TEST_CLAIM"

func claimAll(path, count string) error {
	db, err := Open(path)
	if err != nil {
		return err
	}
	me, runs := ThisProcess(), 0
	if _, err := fmt.Sscan(count, &runs); err != nil {
		return err
	}
	for i := range runs {
		other, err := db.Claim(idOf(fmt.Sprint("run", i)), me, time.Minute, nil)
		if err != nil {
			return err
		}
		if other == nil {
			fmt.Println("run", i)
		}
	}
	fmt.Println("done")
	_, _ = os.Stdin.Read(make([]byte, 1)) // held until the test closes it
	return db.Close()
}

// If eight processes claim fifty runs at once, each run goes to one of them. After their death all runs can be claimed
// again.
//
//nolint:funlen // one scenario, step by step
func TestEachRunIsClaimedByOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db := open(t, path)
	must(t, db.PutRun(run("run7"))) // running
	const runs = 50
	var children []*exec.Cmd
	outputs := make([][]string, 8)
	var claiming sync.WaitGroup
	for i := range outputs {
		c := child(path, "", 0)
		c.Env = append(c.Env, childClaim+"="+fmt.Sprint(runs))
		c.Stderr = os.Stderr
		stdout, err := c.StdoutPipe()
		must(t, err)
		stdin, err := c.StdinPipe()
		must(t, err)
		t.Cleanup(func() { _ = stdin.Close() })
		must(t, c.Start())
		children = append(children, c)
		claiming.Go(func() {
			for lines := bufio.NewScanner(stdout); lines.Scan() && lines.Text() != "done"; {
				outputs[i] = append(outputs[i], lines.Text())
			}
		})
	}
	claiming.Wait() // a late process would get the runs of those killed before it
	me := ThisProcess()
	other, err := db.Claim(idOf("run7"), me, time.Minute, nil)
	must(t, err)
	if other == nil || !slices.ContainsFunc(children, func(c *exec.Cmd) bool { return c.Process.Pid == other.PID }) {
		t.Errorf("a run that a live process holds was claimed: %+v", other)
	}
	var all sync.WaitGroup
	for _, c := range children {
		must(t, c.Process.Kill())
		all.Go(func() { _ = c.Wait() }) // it was killed
	}
	all.Wait()
	had := map[string]int{}
	for _, run := range slices.Concat(outputs...) {
		had[run]++
	}
	for i := range runs {
		if n := had[fmt.Sprint("run ", i)]; n != 1 {
			t.Errorf("run %d was claimed %d times", i, n)
		}
	}
	for i := range runs {
		if other, err := db.Claim(idOf(fmt.Sprint("run", i)), me, time.Minute, nil); err != nil || other != nil {
			t.Errorf("run %d of a dead process: %+v, %v", i, other, err)
		}
	}
	if r, _, err := db.RunByID(idOf("run7")); err != nil || r.Status != Lost {
		t.Errorf("the run left running is %q, %v", r.Status, err)
	}
	events, err := db.Events(idOf("run7"))
	must(t, err)
	// It was running, with no holder, when the first of the eight claimed it.
	if len(events) != 1 || events[0].Status != Lost || events[0].Step != 7 ||
		!strings.Contains(events[0].Message, "nobody holds it") {
		t.Errorf("events %+v", events)
	}
	held, err := db.Renew(me.Owner, time.Minute)
	must(t, err)
	if len(held) != runs {
		t.Errorf("%d leases renewed", len(held))
	}
	must(t, db.Check())
}

func TestLeasesRunOut(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"))
	a, b := ThisProcess(), ThisProcess()
	b.Host = "elsewhere/1/2"
	must(t, db.PutRun(run("r")))
	claim := func(by Holder, during time.Duration) *Lease {
		t.Helper()
		other, err := db.Claim(idOf("r"), by, during, nil)
		must(t, err)
		return other
	}
	for _, which := range []string{"a free run", "one's own run"} {
		if claim(b, time.Minute) != nil {
			t.Errorf("%s cannot be claimed", which)
		}
	}
	if other := claim(a, time.Minute); other == nil || other.Machine() != "elsewhere" || other.Owner != b.Owner {
		t.Errorf("another's run: %+v", other)
	}
	must(t, db.SetStatus(idOf("r"), Running, 9, ""))
	must(t, second2(db.Renew(b.Owner, -time.Second)))
	leases, err := db.Leases()
	must(t, err)
	for _, c := range []struct{ status, want string }{{Running, Lost}, {Planned, Lost}, {Done, Done},
		{Stopped, Stopped}} {
		if got := StatusOf(c.status, leases[idOf("r")], time.Now()); got != c.want {
			t.Errorf("%s, the lease run out, is %s, want %s", c.status, got, c.want)
		}
	}
	if claim(a, time.Minute) != nil {
		t.Error("a lease that ran out holds the run")
	}
	if held, err := db.Renew(b.Owner, time.Minute); err != nil || len(held) != 0 {
		t.Errorf("the old holder has %q, %v", held, err)
	}
	must(t, db.Release(idOf("r"), b.Owner)) // b no longer holds it
	if leases, err = db.Leases(); err != nil || leases[idOf("r")] == nil || leases[idOf("r")].Owner != a.Owner {
		t.Errorf("leases %v, %v", leases, err)
	}
	for _, c := range []struct{ status, want string }{{Running, Running}, {Planned, Leased}, {Lost, Leased}} {
		if got := StatusOf(c.status, leases[idOf("r")], time.Now()); got != c.want {
			t.Errorf("%s, leased, is %s, want %s", c.status, got, c.want)
		}
	}
	events, err := db.Events(idOf("r"))
	must(t, err)
	if len(events) != 2 || !strings.Contains(events[1].Message, "on elsewhere") || events[1].Step != 9 {
		t.Errorf("events %+v", events)
	}
	must(t, db.Release(idOf("r"), a.Owner))
	if leases, err = db.Leases(); err != nil || len(leases) != 0 {
		t.Errorf("leases %v, %v", leases, err)
	}
	if got := StatusOf(Running, nil, time.Now()); got != Lost {
		t.Errorf("running and held by nobody is %s", got)
	}
}

func second2(_ []string, err error) error { return err }

// A request to stop is seen by its time having changed, whatever the clocks say.
func TestStops(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"))
	must(t, db.RequestStop([]string{"a", "b"}))
	first, err := db.Stops()
	must(t, err)
	time.Sleep(time.Millisecond) // times are stored to the microsecond
	must(t, db.RequestStop([]string{"b", "c"}))
	second, err := db.Stops()
	must(t, err)
	if len(first) != 2 || len(second) != 3 || !second["a"].Equal(first["a"]) || second["b"].Equal(first["b"]) {
		t.Errorf("requests %v, then %v", first, second)
	}
}

// A lease in the future, by a clock that is ahead, ends for the process that has watched it; one that was renewed
// meanwhile does not.
func TestLeaseOfAClockAhead(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"))
	a, b := ThisProcess(), ThisProcess()
	b.Host = "elsewhere/1/2"
	must(t, second3(db.Claim(idOf("r"), b, 24*time.Hour, nil)))
	watched, err := db.Claim(idOf("r"), a, time.Minute, nil)
	must(t, err)
	if watched == nil || watched.Owner != b.Owner {
		t.Fatalf("another's run: %+v", watched)
	}
	time.Sleep(time.Millisecond)
	must(t, second2(db.Renew(b.Owner, 24*time.Hour)))
	if renewed, err := db.Claim(idOf("r"), a, time.Minute, watched); err != nil || renewed == nil {
		t.Errorf("a renewed lease was taken: %v", err)
	} else if other, err := db.Claim(idOf("r"), a, time.Minute, renewed); err != nil || other != nil {
		t.Errorf("a lease that is not renewed holds the run: %+v, %v", other, err)
	}
	events, err := db.Events(idOf("r"))
	must(t, err)
	if len(events) != 1 || events[0].Status != Lost || !strings.Contains(events[0].Message, "no longer renews") {
		t.Errorf("events %+v", events)
	}
	if other, err := db.TakeBack(idOf("r"), b, time.Minute); err != nil || other == nil || other.Owner != a.Owner {
		t.Errorf("taken back from %+v, %v", other, err)
	}
	if held, err := db.Renew(b.Owner, time.Minute); err != nil || len(held) != 1 {
		t.Errorf("the first holder has %q, %v", held, err)
	}
}

// A process that claims its own run again, because its worker died, does not call itself gone.
func TestOwnRunIsNotLost(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"))
	me := ThisProcess()
	must(t, db.PutRun(run("r"))) // running
	must(t, second3(db.Claim(idOf("r"), me, time.Minute, nil)))
	must(t, db.SetStatus(idOf("r"), Running, 9, ""))
	must(t, second3(db.Claim(idOf("r"), me, time.Minute, nil)))
	events, err := db.Events(idOf("r"))
	must(t, err)
	if len(events) != 1 || !strings.Contains(events[0].Message, "nobody holds it") {
		t.Errorf("events %+v, want one, of the first claim", events)
	}
}

func second3(_ *Lease, err error) error { return err }

// Events of another database are merged once, with its runs. Leases are not merged.
func TestEventsMerge(t *testing.T) {
	dir := t.TempDir()
	shard, results := open(t, filepath.Join(dir, "shard.db")), open(t, filepath.Join(dir, "results.db"))
	at := time.UnixMicro(1_700_000_000_000_001)
	for i, status := range Statuses {
		must(t, shard.PutEvent(Event{Run: idOf("r"), At: at.Add(time.Duration(i) * time.Second), Status: status, Step: i}))
	}
	_, err := shard.Claim(idOf("r"), ThisProcess(), time.Minute, nil)
	must(t, err)
	for range 2 {
		must(t, second(results.Merge(shard.Path())))
	}
	events, err := results.Events("")
	must(t, err)
	if len(events) != len(Statuses) || !events[0].At.Equal(at) ||
		events[7] != (Event{Run: idOf("r"), At: events[7].At, Status: Lost, Step: 7}) {
		t.Errorf("events %+v", events)
	}
	if leases, err := results.Leases(); err != nil || len(leases) != 0 {
		t.Errorf("leases %v, %v", leases, err)
	}
	faults, err := shard.Faults()
	if err != nil || len(faults) != 0 {
		t.Error(errors.Join(err, fmt.Errorf("%q", faults)))
	}
}
