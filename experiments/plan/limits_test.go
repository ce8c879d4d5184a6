package plan

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-lab/outcrop/archs"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// Every whole number of a configuration, however large, is refused at its key or planned with numbers that make sense,
// before anything of its size is allocated or counted.
func TestHugeNumbers(t *testing.T) {
	for _, n := range numbers(t) {
		for _, value := range []int{1 << 10, 1e6, 1e9, 1 << 40, 1e15, 1 << 53, math.MaxInt64 - 7, math.MaxInt64} {
			text := fmt.Sprint(value)
			if n.list {
				text = "[" + text + "]"
			}
			begun := time.Now()
			planned, err := planned("name: x\n", append(n.with, n.key+"="+text)...)
			if took := time.Since(begun); took > 5*time.Second { // on a busy machine
				t.Errorf("%s=%s took %v", n.key, text, took)
			}
			var input *settings.InputError
			switch {
			case err == nil:
				sane(t, n.key+"="+text, planned[0])
			case !errors.As(err, &input):
				t.Errorf("%s=%s: %v", n.key, text, err)
			case !strings.Contains(err.Error(), "--set "+n.key+": ") && !strings.Contains(err.Error(), fmt.Sprint(value)):
				t.Errorf("%s=%s: %v does not say the key", n.key, text, err)
			}
		}
	}
}

// number is a key of the configuration that takes a whole number or a list of them, and what must be set besides.
type number struct {
	key  string
	list bool
	with []string
}

// numbers lists every such key, with any choice of variants.
func numbers(t *testing.T) (all []number) {
	t.Helper()
	config := trainer.Default()
	for _, s := range settings.Of(&config) {
		if whole(s.Value) && s.Key != "seed" { // a seed belongs to the sweep
			all = append(all, number{key: s.Key})
		}
	}
	tokens := filepath.Join(t.TempDir(), "tokens.bin")
	var content []byte
	for i := range 1 << 14 {
		content = binary.LittleEndian.AppendUint16(content, uint16(i*7919%1000))
	}
	if err := os.WriteFile(tokens, content, 0o666); err != nil {
		t.Fatal(err)
	}
	needs := map[string]string{"data=bin": "data.path=" + tokens} // a variant without defaults
	for _, v := range variant.List(&config) {
		for _, p := range v.Params {
			if with := v.Slot + "=" + v.Name; whole(p.Default) {
				n := number{key: v.Slot + "." + p.Name, with: []string{with}}
				if more, ok := needs[with]; ok {
					n.with = append(n.with, more)
				}
				all = append(all, n)
			}
		}
	}
	all = append(all, number{key: "probe.snapshots.steps", list: true},
		number{key: "probe.snapshots.layers", list: true, with: []string{"probe.snapshots.steps=[1]"}})
	if len(all) < 30 {
		t.Fatalf("only %d numbers were found: %v", len(all), all)
	}
	return all
}

func whole(value any) bool {
	kind := reflect.TypeOf(value).Kind()
	return kind == reflect.Int || kind == reflect.Int64 || kind == reflect.Uint64
}

func planned(src string, sets ...string) ([]Planned, error) {
	s, err := sweep.LoadBytes("s.yaml", []byte(src), sets...)
	if err != nil {
		return nil, err
	}
	return Of(s, "cpu")
}

// sane refuses a forecast that is negative, no number or beyond what a machine can address.
func sane(t *testing.T, name string, p Planned) {
	t.Helper()
	c := CostOf(p)
	speed := Speed{Step: make([]float64, stepParts), Measure: make([]float64, measureParts),
		Start: make([]float64, startParts), Beside: 1}
	for i := range speed.Step {
		speed.Step[i] = 1e-9
	}
	for _, x := range []float64{c.Tokens, c.FLOPs, c.Memory, c.Disk, p.Rows(), float64(p.Measurements(0)),
		float64(p.Params), speed.Of(p, Left{}, 2).High} {
		if !(x >= 0) || math.IsInf(x, 0) {
			t.Errorf("%s: forecast %+v, %v rows, %d measurements, %v s", name, c, p.Rows(), p.Measurements(0),
				speed.Of(p, Left{}, 2))
			return
		}
	}
	if c.Memory > 2*addressable || c.Tokens < 1 {
		t.Errorf("%s: forecast %+v", name, c)
	}
}

// Sizes that are possible one by one but not together are refused at the one that makes the run large, where the file
// sets it.
func TestTooLargeTogether(t *testing.T) {
	for src, want := range map[string]string{
		"name: x\nbase:\n  arch: {width: 1048576, layers: 60000}\n": "s.yaml:3:17: base.arch.width: 1048576 makes a ",
		"name: x\nbase:\n  arch: {layers: 4}\narms:\n  a: {}\n  wide: {arch: {width: 1000000}}\n" +
			"  deep: {arch: {layers: 65536, width: 8192}}\n": "s.yaml:6:24: arms.wide.arch.width: 1000000 makes a ",
		"name: x\nbase:\n  arch: {width: 4096}\n  train: {batch: 16777216}\n": "s.yaml:4:18: base.train.batch: 16777216 ",
		"name: x\nbase:\n  probe: {heldout: 9999999, sequences: 1048576}\n  arch: {context: 4096}\n": "" +
			"s.yaml:3:40: base.probe.sequences: 1048576 makes a run of at least 168.6 TB of memory, more than the 140.7 TB " +
			"that a process can address: lower it",
	} {
		var input *settings.InputError
		if _, err := planned(src); !errors.As(err, &input) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", src, err, want)
		}
	}
}

// A model of many layers has the shape that its list of parameters gives.
func TestShapeOfManyLayers(t *testing.T) {
	for _, p := range planOf(t, "name: x\nbase: {arch: {layers: 5, width: 16, heads: 2}}\narms: {plain: {}, "+
		"tied: {arch: {tied: true}}, osp: {extends: osp}, all: {arch: {gate: g1, norm_placement: sandwich, qk_norm: true, "+
		"kv_bias: kv, registers: 2, mlp: {name: swiglu, biases: true}, position: learned, embed_proj: true}}}\n") {
		arch := p.Config.Arch
		arch.Vocab = p.Vocab
		params, err := archs.Params(arch)
		if err != nil {
			t.Fatal(err)
		}
		if want := shapeOf(params, arch.Tied, 1); p.shape != want {
			t.Errorf("%s: %+v, want %+v", p.Arm, p.shape, want)
		}
	}
}
