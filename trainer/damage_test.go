package trainer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// files is the content of a checkpoint's files, by name.
type files map[string][]byte

func (f files) clone() files {
	c := files{}
	for name, content := range f {
		c[name] = slices.Clone(content)
	}
	return c
}

func readFiles(t *testing.T, dir string) files {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	f := files{}
	for _, e := range entries {
		if f[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func writeFiles(t *testing.T, dir string, f files) {
	t.Helper()
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	for name, content := range f {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// damages returns damaged versions of a checkpoint, by what was done to it: each file missing, cut short at several
// places, and with each of 40 single bits flipped, at seeded positions.
func damages(sound files) map[string]files {
	all := map[string]files{}
	random := rand.New(rand.NewPCG(16, 0))
	for name, content := range sound {
		without := sound.clone()
		delete(without, name)
		all["without "+name] = without
		n := len(content)
		for _, left := range []int{0, 1, 7, 8, 9, n / 4, n / 2, n - 4, n - 2, n - 1} {
			cut := sound.clone()
			cut[name] = content[:left]
			all[fmt.Sprintf("%s cut to %d of %d bytes", name, left, n)] = cut
		}
		longer := sound.clone()
		longer[name] = append(slices.Clone(content), 0)
		all[name+" with a byte behind it"] = longer
		for _, bit := range random.Perm(8 * n)[:40] {
			flipped := sound.clone()
			flipped[name][bit/8] ^= 1 << (bit % 8)
			all[fmt.Sprintf("%s with bit %d flipped", name, bit)] = flipped
		}
	}
	return all
}

// However one file of the newest checkpoint is damaged, the checkpoint is refused with its path and the reason, nothing
// of it is loaded, and the one before it is used.
//
//nolint:funlen // one scenario, step by step
func TestEveryDamageIsRefused(t *testing.T) {
	c := small()
	c.Checkpoint.Every, c.Checkpoint.Keep = 8, 2
	dir := t.TempDir()
	_, want := train(t, t.Context(), c, Options{Dir: dir, Run: "own"})
	newest := filepath.Join(dir, "checkpoints", checkpointName(24))
	sound, before := readFiles(t, newest), checkpointBytes(t, dir, 16)
	final := checkpointBytes(t, dir, 24)
	if len(sound) != 3 {
		t.Fatalf("%d files in a checkpoint", len(sound))
	}
	into, err := newTraining(c, Options{Dir: dir, Run: "own"})
	if err != nil {
		t.Fatal(err)
	}
	defer into.close()
	for bit := range 8 * len(sound[stateFile]) { // every bit of the state
		text := slices.Clone(sound[stateFile])
		text[bit/8] ^= 1 << (bit % 8)
		if s, err := readState(text); err == nil {
			t.Fatalf("with bit %d flipped, the state is read as %+v from %s", bit, s, text)
		}
	}
	n := 0
	for what, damaged := range damages(sound) {
		n++
		writeFiles(t, newest, damaged)
		step, refused, err := into.restore(dir)
		if err != nil || step != 16 || len(refused) != 1 || refused[0].Step != 24 ||
			!strings.Contains(refused[0].Error(), newest+": ") {
			t.Fatalf("%s: step %d, refused %v, %v; want 16 and one refusal of %s", what, step, refused, err, newest)
		}
		if n%40 > 0 {
			continue
		}
		if err := into.writeCheckpoint(filepath.Join(dir, "copy", "checkpoints"), 16); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before, checkpointBytes(t, filepath.Join(dir, "copy"), 16)) {
			t.Fatalf("%s: what was loaded is not the checkpoint of step 16", what)
		}
		if err := os.RemoveAll(filepath.Join(dir, "copy")); err != nil {
			t.Fatal(err)
		}
	}
	if n != 3*(1+10+1+40) {
		t.Errorf("%d damages", n)
	}
	writeFiles(t, newest, damages(sound)["without "+optimizerFile])
	told := ""
	_, got := train(t, t.Context(), c,
		Options{Dir: dir, Run: "own", Refused: func(r Refusal, from int) { told = fmt.Sprint(r, " from ", from) }})
	if !strings.Contains(told, newest+": ") || !strings.HasSuffix(told, " from 16") {
		t.Errorf("told %q", told)
	}
	for key, v := range got.values {
		if same := want.values[key]; same != v && v == v {
			t.Errorf("%s: %v, want %v", key, v, same)
		}
	}
	if !bytes.Equal(final, checkpointBytes(t, dir, 24)) {
		t.Error("the weights differ after resuming from the checkpoint before")
	}
	if left, err := filepath.Glob(newest + refusedSuffix); len(left) != 1 || err != nil {
		t.Errorf("the refused checkpoint is not set aside: %v, %v", left, err)
	}
}

// A checkpoint of another run, trainer version, seed, step or shape is refused for that reason, wherever it lies. A
// refused checkpoint of a later step costs none of the run's own.
//
//nolint:funlen // one table of cases
func TestForeignCheckpointsAreRefused(t *testing.T) {
	c := small()
	c.Checkpoint.Every, c.Checkpoint.Keep = 8, 1
	dir := t.TempDir()
	train(t, t.Context(), c, Options{Dir: dir, Run: "own"})
	root := filepath.Join(dir, "checkpoints")
	final := checkpointBytes(t, dir, 24)
	sound := readFiles(t, filepath.Join(root, checkpointName(24)))
	resealed := func(change func(s *state)) files {
		s, err := readState(sound[stateFile])
		if err != nil {
			t.Fatal(err)
		}
		change(&s)
		f := sound.clone()
		if err := s.seal(); err != nil {
			t.Fatal(err)
		}
		if f[stateFile], err = s.text(); err != nil {
			t.Fatal(err)
		}
		return f
	}
	other := func(change func(c *Config)) files {
		c, dir := c, t.TempDir()
		c.Checkpoint.Keep = 3
		change(&c)
		train(t, t.Context(), c, Options{Dir: dir, Run: "own"})
		return readFiles(t, filepath.Join(dir, "checkpoints", checkpointName(24)))
	}
	for _, foreign := range []struct {
		name, want string
		step       int
		files      files
	}{
		{"another run's", "belongs to run other; this is run own", 32,
			resealed(func(s *state) { s.Run, s.Step = "other", 32 })},
		{"another version's", "trainer version 1", 32, resealed(func(s *state) { s.Version, s.Step = 1, 32 })},
		{"another seed's", "seed 7", 32, resealed(func(s *state) { s.Seed, s.Step = 7, 32 })},
		{"under another step's name", "holds step 24 under the name of step 99999", 99999, sound},
		{"of another width", "but the model has", 24, other(func(c *Config) { c.Arch.Width = 32 })},
		{"of another depth", "does not hold the tensors", 24, other(func(c *Config) { c.Arch.Layers = 1 })},
		{"of another optimizer", "tensors of this model and optimizer", 24, other(func(c *Config) {
			if err := c.Optim.Choose("sgd"); err != nil {
				t.Fatal(err)
			}
		})},
	} {
		if err := os.RemoveAll(root); err != nil {
			t.Fatal(err)
		}
		stop := c
		stop.Train.Steps = 16
		train(t, t.Context(), stop, Options{Dir: dir, Run: "own"})
		writeFiles(t, filepath.Join(root, checkpointName(foreign.step)), foreign.files)
		told := ""
		train(t, t.Context(), c,
			Options{Dir: dir, Run: "own", Refused: func(r Refusal, from int) { told += fmt.Sprint(r, " from ", from) }})
		if !strings.Contains(told, checkpointName(foreign.step)+": ") || !strings.Contains(told, foreign.want) ||
			!strings.HasSuffix(told, " from 16") {
			t.Errorf("%s: told %q, want %q", foreign.name, told, foreign.want)
		}
		if !bytes.Equal(final, checkpointBytes(t, dir, 24)) {
			t.Errorf("%s: the weights differ", foreign.name)
		}
		if kept, err := Kept(dir); err != nil || !slices.Equal(kept, []int{24}) {
			t.Errorf("%s: %v kept, %v", foreign.name, kept, err)
		}
		got := readFiles(t, filepath.Join(root, checkpointName(foreign.step)+refusedSuffix))
		if len(got) != len(foreign.files) {
			t.Errorf("%s: it was not set aside whole: %d files", foreign.name, len(got))
		}
	}
}

// Older checkpoints, without the run's id and a checksum of their own, are loaded.
func TestOldCheckpointsAreLoaded(t *testing.T) {
	c := small()
	c.Checkpoint.Every = 8
	dir := t.TempDir()
	train(t, t.Context(), c, Options{Dir: dir})
	path := filepath.Join(dir, "checkpoints", checkpointName(24), stateFile)
	s, err := readState(contentOf(t, path))
	if err != nil {
		t.Fatal(err)
	}
	s.Own, s.Run = "", ""
	text, err := s.text()
	if err != nil || bytes.Contains(text, []byte("state_sha256")) || bytes.Contains(text, []byte(`"run"`)) {
		t.Fatalf("%s, %v", text, err)
	}
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
	updates := 0
	result, _ := train(t, t.Context(), c, Options{Dir: dir, Run: "own", Progress: func(int, float64) { updates++ },
		Refused: func(r Refusal, _ int) { t.Errorf("refused %v", r) }})
	if result.Status != Done || updates != 0 {
		t.Errorf("%+v after %d updates, want none", result, updates)
	}
}

// A folder that a killed process left half written or half removed is not a checkpoint, and is deleted.
func TestHalfWrittenCheckpoints(t *testing.T) {
	c := small()
	c.Checkpoint.Every, c.Checkpoint.Keep = 8, 3
	dir := t.TempDir()
	train(t, t.Context(), c, Options{Dir: dir})
	root := filepath.Join(dir, "checkpoints")
	final := checkpointBytes(t, dir, 24)
	half := readFiles(t, filepath.Join(root, checkpointName(24)))
	half[modelFile+partialSuffix] = half[modelFile][:100]
	delete(half, modelFile)
	delete(half, stateFile)
	if err := os.RemoveAll(filepath.Join(root, checkpointName(24))); err != nil {
		t.Fatal(err)
	}
	for _, step := range []int{8, 21, 24, 500} {
		writeFiles(t, filepath.Join(root, checkpointName(step)+partialSuffix), half)
	}
	if err := os.WriteFile(filepath.Join(root, "notes"), nil, 0o666); err != nil { // other files stay
		t.Fatal(err)
	}
	train(t, t.Context(), c, Options{Dir: dir, Refused: func(r Refusal, _ int) { t.Errorf("refused %v", r) }})
	if !bytes.Equal(final, checkpointBytes(t, dir, 24)) {
		t.Error("the weights differ")
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"notes", checkpointName(8), checkpointName(16), checkpointName(24)}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}

// A checkpoint whose sums are right but whose weights are not finite is refused; the one before it is used.
func TestWeightsThatAreNotFinite(t *testing.T) {
	c := small()
	c.Checkpoint.Every, c.Checkpoint.Keep = 8, 2
	dir := t.TempDir()
	train(t, t.Context(), c, Options{Dir: dir, Run: "own"})
	final, newest := checkpointBytes(t, dir, 24), filepath.Join(dir, "checkpoints", checkpointName(24))
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		into, err := newTraining(c, Options{Dir: dir, Run: "own"})
		if err != nil {
			t.Fatal(err)
		}
		defer into.close()
		into.params[1].Value.Host()[3] = float32(x)
		if err := os.RemoveAll(newest); err != nil {
			t.Fatal(err)
		}
		if err := into.writeCheckpoint(filepath.Dir(newest), 24); err != nil {
			t.Fatal(err)
		}
		told := ""
		result, _ := train(t, t.Context(), c,
			Options{Dir: dir, Run: "own", Refused: func(r Refusal, from int) { told = fmt.Sprint(r, " from ", from) }})
		if result.Status != Done || !strings.Contains(told, fmt.Sprint("is damaged: ", into.params[1].Name, "[3] is ", x)) ||
			!strings.HasSuffix(told, " from 16") {
			t.Errorf("%v: %s, told %q", x, result.Status, told)
		}
		if !bytes.Equal(final, checkpointBytes(t, dir, 24)) {
			t.Errorf("%v: the weights differ after resuming from the checkpoint before", x)
		}
	}
}

// The last `keep` checkpoints stay, and those at multiples of keep_every stay forever.
func TestKeepRules(t *testing.T) {
	c := small()
	scheduled, stopped := []int{4, 8, 12, 16, 20, 24}, []int{0, 4, 5, 8, 9}
	for _, rule := range []struct {
		steps             []int
		every, keep, ever int
		from              int
		gone              []int
	}{
		{scheduled, 4, 1, 0, 24, []int{4, 8, 12, 16, 20}}, {scheduled, 4, 2, 0, 24, []int{4, 8, 12, 16}},
		{scheduled, 4, 9, 0, 24, nil}, {scheduled, 4, 1, 8, 24, []int{4, 12, 20}},
		{scheduled, 4, 2, 12, 24, []int{4, 8, 16}}, {scheduled, 4, 1, 4, 24, nil},
		// A checkpoint at which the run was stopped takes the place of no other, and goes with the next one.
		{stopped, 4, 2, 0, 9, []int{0, 5}}, {stopped, 4, 1, 4, 9, []int{0, 5}}, {stopped[:1], 4, 1, 4, 0, nil},
		{append(stopped, 12), 4, 2, 0, 12, []int{0, 4, 5, 9}}, {append(stopped, 24), 0, 2, 0, 24, stopped},
		{stopped, 4, 2, 0, -1, []int{0, 5, 9}}, // it diverged
	} {
		c.Checkpoint = Checkpoint{Every: rule.every, Keep: rule.keep, KeepEvery: rule.ever}
		if gone := c.superseded(rule.steps, rule.from); !slices.Equal(gone, rule.gone) {
			t.Errorf("%+v of %v, from %d: %v go, want %v", c.Checkpoint, rule.steps, rule.from, gone, rule.gone)
		}
	}
	c.Checkpoint = Checkpoint{Every: 4, Keep: 1, KeepEvery: 8}
	dir := t.TempDir()
	train(t, t.Context(), c, Options{Dir: dir})
	if kept, err := Kept(dir); err != nil || !slices.Equal(kept, []int{8, 16, 24}) {
		t.Errorf("kept %v, %v, want 8, 16 and 24", kept, err)
	}
	for _, bad := range []Checkpoint{{Every: 4, Keep: 1, KeepEvery: 6}, {Every: 0, Keep: 1, KeepEvery: 4},
		{Every: 4, Keep: 1, KeepEvery: -4}, {Every: 4, Keep: 0}} {
		c.Checkpoint = bad
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "checkpoint.keep") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// A snapshot whose file is gone or cut short is missing, and a damaged index is refused with its path.
func TestDamagedSnapshots(t *testing.T) {
	c := small()
	c.Probe.Snapshots.Steps = []int{8, 24}
	dir := t.TempDir()
	train(t, t.Context(), c, Options{Dir: dir})
	missing := func() []int {
		t.Helper()
		steps, err := c.Probe.Snapshots.Missing(dir, c.Arch.Layers)
		if err != nil {
			t.Fatal(err)
		}
		return steps
	}
	if got := missing(); len(got) > 0 {
		t.Fatalf("%v are missing from the start", got)
	}
	if err := os.Truncate(filepath.Join(dir, "snapshots", snapshotFile(8, "resid_post")), 50); err != nil {
		t.Fatal(err)
	}
	if got := missing(); !slices.Equal(got, []int{8}) {
		t.Errorf("%v are missing, want 8", got)
	}
	if err := os.Remove(filepath.Join(dir, "snapshots", snapshotFile(24, "resid_post"))); err != nil {
		t.Fatal(err)
	}
	if got := missing(); !slices.Equal(got, []int{8, 24}) {
		t.Errorf("%v are missing, want 8 and 24", got)
	}
	path := filepath.Join(dir, "snapshots", snapshotIndex)
	index := string(contentOf(t, path))
	for name, text := range map[string]string{
		"cut short": index[:len(index)/2],
		"a shape of none": `[{"step":8,"site":"resid_post","file":"snapshots/step-00000008.resid_post.safetensors",` +
			`"shape":[],"bytes":4}]`,
		"a shape larger than the file": `[{"step":8,"site":"resid_post",` +
			`"file":"snapshots/step-00000008.resid_post.safetensors","shape":[4611686018427387904],"bytes":4}]`,
		"another folder's file": `[{"step":8,"site":"../../x","file":"snapshots/step-00000008.../../x.safetensors",` +
			`"shape":[1],"bytes":4}]`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadSnapshots(dir); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want the index refused by its path", name, err)
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if got := missing(); !slices.Equal(got, []int{8, 24}) {
		t.Errorf("%v are missing without an index", got)
	}
}

func contentOf(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
