package experiments

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// AbsorbOptions say whose projections are folded into embedding and head, and where the model goes.
type AbsorbOptions struct {
	Results string
	// Run names the run, as Find takes it.
	Run string
	// Out is the safetensors file to write.
	Out string
}

// Absorbed is what it came to, and the bound under which the file was written.
type Absorbed struct {
	Run string `json:"run"`
	Out string `json:"out"`
	trainer.Absorbed
	Bound float64 `json:"bound"`
}

// Absorb writes a run's newest sound checkpoint as a model without embed_proj, whose logits trainer.Absorb has proved
// unchanged. The run stays as it is. A run that is not there or not the only one, one without embed_proj or without
// checkpoints, and a file that cannot be there are each an *InputError.
func Absorb(o AbsorbOptions) (done Absorbed, err error) {
	p, _, err := openRun(o.Results, o.Run)
	if err != nil {
		return done, err
	}
	if info, err := os.Stat(filepath.Dir(o.Out)); err != nil || !info.IsDir() {
		return done, inputError([]Fault{{File: "--out", Message: fmt.Sprintf("%s is no folder", filepath.Dir(o.Out))}})
	}
	if info, err := os.Stat(o.Out); err == nil && info.IsDir() {
		return done, inputError([]Fault{{File: "--out", Message: o.Out + " is a folder: name a file in it"}})
	}
	dir := filepath.Join(o.Results, "runs", p.ID)
	steps, err := trainer.Kept(dir)
	if err != nil {
		return done, err
	}
	if p.Config.Arch.EmbedProj && len(steps) == 0 {
		return done, inputError([]Fault{{File: dir, Message: "holds no checkpoint to absorb: train the run first"}})
	}
	if err := unchanged(dir, p); err != nil {
		return done, err
	}
	done = Absorbed{Run: p.ID, Out: o.Out, Bound: trainer.AbsorbBound}
	done.Absorbed, err = trainer.Absorb(p.Config, trainer.Options{Dir: dir, Run: p.ID}, o.Out)
	at := new(variant.Error)
	if errors.As(err, &at) {
		return done, inputError([]Fault{{File: "run " + p.ID[:12], Key: at.Key, Message: at.Message}})
	}
	return done, err
}
