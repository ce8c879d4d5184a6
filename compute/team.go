package compute

import "runtime"

// Team is a fixed set of operating system threads that share out work. The zero value is of no use: see NewTeam. A Team
// is used by one goroutine at a time.
type Team struct {
	jobs   []chan job
	done   chan struct{}
	panics []any // by thread, of the run in progress
}

type job struct {
	n int
	f func(i int)
}

// NewTeam starts that many threads, at least one. Close ends them.
func NewTeam(threads int) *Team {
	threads = max(1, threads)
	t := &Team{jobs: make([]chan job, threads), done: make(chan struct{}, threads), panics: make([]any, threads)}
	for i := range t.jobs {
		t.jobs[i] = make(chan job)
		go t.work(i, t.jobs[i])
	}
	return t
}

// Run calls f for each i in [0, n), item i on thread i%threads and each thread's items in order, and returns when all
// are done. It allocates nothing. Where calls of f panic, the other threads end their items, and Run panics with the
// value of the lowest such thread.
func (t *Team) Run(n int, f func(i int)) {
	for _, c := range t.jobs {
		c <- job{n, f}
	}
	for range t.jobs {
		<-t.done
	}
	var first any
	for i, p := range t.panics {
		if p != nil && first == nil {
			first = p
		}
		t.panics[i] = nil
	}
	if first != nil {
		panic(first)
	}
}

// Close ends the threads. The team is not used after it; a second Close does nothing.
func (t *Team) Close() {
	for _, c := range t.jobs {
		close(c)
	}
	t.jobs = nil
}

func (t *Team) work(thread int, jobs <-chan job) {
	runtime.LockOSThread()
	threads := len(t.panics)
	for j := range jobs {
		t.do(thread, threads, j)
	}
}

func (t *Team) do(thread, threads int, j job) {
	defer func() {
		t.panics[thread] = recover()
		t.done <- struct{}{}
	}()
	for i := thread; i < j.n; i += threads {
		j.f(i)
	}
}
