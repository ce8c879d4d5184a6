package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/archs"
	"github.com/outcrop-lab/outcrop/optim"
	"github.com/outcrop-lab/outcrop/variant"
)

// baseline returns size b with the default of every slot: RMSNorm, softmax, GELU, RoPE, an untied head, AdamW.
func baseline() (archs.Config, optim.Config) {
	c := archs.Default()
	c.Layers, c.Width, c.Heads, c.Context, c.Vocab = 4, 128, 4, 128, 256
	return c, optim.Default()
}

// change turns the baseline into one variant.
type change struct {
	slot, name string
	set        func(c *archs.Config, o *optim.Config)
}

// slots are the slots of which every variant is timed.
var slots = []struct {
	key string
	of  func(c *archs.Config, o *optim.Config) variant.Chooser
}{
	{"arch.norm", func(c *archs.Config, _ *optim.Config) variant.Chooser { return &c.Norm }},
	{"arch.norm_placement", func(c *archs.Config, _ *optim.Config) variant.Chooser { return &c.NormPlacement }},
	{"arch.attention", func(c *archs.Config, _ *optim.Config) variant.Chooser { return &c.Attention }},
	{"arch.kv_bias", func(c *archs.Config, _ *optim.Config) variant.Chooser { return &c.KVBias }},
	{"arch.gate", func(c *archs.Config, _ *optim.Config) variant.Chooser { return &c.Gate }},
	{"arch.mlp", func(c *archs.Config, _ *optim.Config) variant.Chooser { return &c.MLP }},
	{"arch.position", func(c *archs.Config, _ *optim.Config) variant.Chooser { return &c.Position }},
	{"arch.block", func(c *archs.Config, _ *optim.Config) variant.Chooser { return &c.Block }},
	{"optim", func(_ *archs.Config, o *optim.Config) variant.Chooser { return o }},
}

// variants returns every variant of every slot except the baseline's, and the settings that change what is computed, by
// slot.
func variants() []change {
	all := append(chosen(), settings()...)
	slices.SortStableFunc(all, func(a, b change) int { return strings.Compare(a.slot, b.slot) })
	return all
}

// chosen returns every variant of every slot except the baseline's.
func chosen() []change {
	var all []change
	for _, slot := range slots {
		c, o := baseline()
		current := slot.of(&c, &o)
		for _, name := range current.Names() {
			if name == current.Chosen() {
				continue
			}
			set := func(c *archs.Config, o *optim.Config) { choose(slot.of(c, o), name) }
			all = append(all, change{slot.key, name, set})
		}
	}
	return all
}

// settings returns the settings of variants, and of the architecture, that change what is computed.
func settings() []change {
	var all []change
	arch := func(slot, name string, set func(c *archs.Config)) {
		all = append(all, change{slot, name, func(c *archs.Config, _ *optim.Config) { set(c) }})
	}
	gate := func(name string, set func(g *archs.LearnedGate)) {
		arch("arch.gate", "g1, "+name, func(c *archs.Config) {
			choose(&c.Gate, "g1")
			set(c.Gate.Value.(*archs.LearnedGate))
		})
	}
	gate("headwise", func(g *archs.LearnedGate) { g.Granularity = "headwise" })
	gate("shared", func(g *archs.LearnedGate) { g.Shared = true })
	gate("ns_sigmoid", func(g *archs.LearnedGate) { g.Activation = "ns_sigmoid" })
	gate("silu", func(g *archs.LearnedGate) { g.Activation = "silu" })
	gate("identity", func(g *archs.LearnedGate) { g.Activation = "identity" })
	gate("add", func(g *archs.LearnedGate) { g.Combine = "add" })
	gate("input_independent", func(g *archs.LearnedGate) { g.InputIndependent = true })
	gate("sparse", func(g *archs.LearnedGate) { g.Sparse = true })
	gate("match_params", func(g *archs.LearnedGate) { g.MatchParams = true })
	arch("arch.norm", "dyt, LLaMA's", func(c *archs.Config) {
		choose(&c.Norm, "dyt")
		c.Norm.Value.(*archs.DyT).Beta, c.Norm.Value.(*archs.DyT).EmbedScale = false, true
	})
	arch("arch.norm", "layernorm, no bias", func(c *archs.Config) {
		choose(&c.Norm, "layernorm")
		c.Norm.Value.(*archs.LayerNorm).Bias = false
	})
	arch("arch.attention", "sigmoid, minus_log_n", func(c *archs.Config) {
		choose(&c.Attention, "sigmoid")
		c.Attention.Value.(*archs.Sigmoid).Bias = "minus_log_n"
	})
	arch("arch.attention", "sigmoid, normalised", func(c *archs.Config) {
		choose(&c.Attention, "sigmoid")
		c.Attention.Value.(*archs.Sigmoid).Normalised = true
	})
	arch("arch.attention", "biases", func(c *archs.Config) { c.Attention.Biases = true })
	arch("arch.mlp", "gelu, biases", func(c *archs.Config) { c.MLP.Biases = true })
	arch("arch.position", "rope, a quarter", func(c *archs.Config) { c.Position.Value.(*archs.RoPE).Fraction = .25 })
	arch("arch.qk_norm", "true", func(c *archs.Config) { c.QKNorm = true })
	arch("arch.kv_heads", "2", func(c *archs.Config) { c.KVHeads = 2 })
	arch("arch.registers", "4", func(c *archs.Config) { c.Registers = 4 })
	arch("arch.tied", "true", func(c *archs.Config) { c.Tied = true })
	arch("arch.embed_proj", "true", func(c *archs.Config) { c.EmbedProj = true })
	all = append(all, change{"optim", "muon, embeddings: muon", func(_ *archs.Config, o *optim.Config) {
		choose(o, "muon")
		o.Value.(*optim.Muon).Embeddings, o.Value.(*optim.Muon).Vectors = "muon", "normalised"
	}})
	// The default, every 50 steps, would not occur in the measured steps at all.
	all = append(all, change{"optim.after_step", "tvr, every: 1", func(_ *archs.Config, o *optim.Config) {
		choose(&o.AfterStep, "tvr")
		o.AfterStep.Value.(*optim.TVR).Every = 1
	}})
	return all
}

// choose selects a registered variant. An unknown name is a bug in this file.
func choose(slot variant.Chooser, name string) {
	if err := slot.Choose(name); err != nil {
		panic(fmt.Sprint("variants: ", err))
	}
}
