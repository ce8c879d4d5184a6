package studies

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// AbsorbOptions say which run's projections are folded into the embedding and the head, and where the resulting model
// is written.
type AbsorbOptions struct {
	Results string
	// Run names the run, as results.Find takes it.
	Run string
	// Out is the path of the safetensors file to write.
	Out string
}

// Absorbed is the result of folding. Bound is the largest relative difference between the logits of the two models at
// which Absorb still accepts the result.
type Absorbed struct {
	Run string `json:"run"`
	Out string `json:"out"`
	trainer.Absorbed
	Bound float64 `json:"bound"`
}

// Absorb writes a run's newest sound checkpoint as a model without embed_proj, after trainer.Absorb has checked that
// the logits of the two models agree within trainer.AbsorbBound. Absorb leaves the run as it is. It returns a
// *settings.InputError if the name stands for no run or for several, if the run has no embed_proj or no checkpoints, or
// if no file can be written at the path.
func Absorb(o AbsorbOptions) (done Absorbed, err error) {
	r, _, err := open(o.Results, o.Run)
	if err != nil {
		return done, err
	}
	if info, err := os.Stat(filepath.Dir(o.Out)); err != nil || !info.IsDir() {
		return done, settings.Refuse(settings.Fault{File: "--out",
			Message: fmt.Sprintf("%s is not a folder", filepath.Dir(o.Out))})
	}
	if info, err := os.Stat(o.Out); err == nil && info.IsDir() {
		return done, settings.Refuse(settings.Fault{File: "--out", Message: o.Out + " is a folder: name a file in it"})
	}
	dir, err := folder.Of(o.Results, r.ID)
	if err != nil {
		return done, err
	}
	steps, err := trainer.Kept(dir)
	if err != nil {
		return done, err
	}
	if r.Config.Arch.EmbedProj && len(steps) == 0 {
		return done, settings.Refuse(settings.Fault{File: dir, Message: "holds no checkpoint to absorb: train the run first"})
	}
	if err := r.Unchanged(dir); err != nil {
		return done, err
	}
	done = Absorbed{Run: r.ID, Out: o.Out, Bound: trainer.AbsorbBound}
	done.Absorbed, err = trainer.Absorb(r.Config, trainer.Options{Dir: dir, Run: r.ID}, o.Out)
	at := new(variant.Error)
	if errors.As(err, &at) {
		return done, settings.Refuse(settings.Fault{File: "run " + store.Short(r.ID), Key: at.Key, Message: at.Message})
	}
	return done, err
}
