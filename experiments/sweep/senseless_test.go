package sweep

import (
	"fmt"
	"strings"
	"testing"
)

// A combination that makes no sense is refused with its key and the reason, at the place that ^ marks, before anything
// trains.
func TestSenselessCombinations(t *testing.T) {
	for _, c := range []struct{ arm, key, reason string }{
		{"arch: {attention: softmax1, kv_bias: ^kv}", ".arch.kv_bias", "takes the extra slot itself"},
		{"arch: {attention: sink_logit, kv_bias: {name: ^k}}", ".arch.kv_bias.name", "takes the extra slot itself"},
		{"arch: {attention: relu, kv_bias: ^k}", ".arch.kv_bias", "a slot with value 0 changes nothing"},
		{"arch: {attention: sigmoid, kv_bias: ^k}", ".arch.kv_bias", "a slot with value 0 changes nothing"},
		{"arch: {block: parallel, norm_placement: ^post}", ".arch.norm_placement", "which arch.block parallel does not have"},
		{"arch: {norm: none, norm_placement: ^sandwich}", ".arch.norm_placement", "leaves nothing to place"},
		{"arch: {gate: {name: g5, granularity: ^headwise}}", ".arch.gate.granularity", "there are no heads"},
		{"arch: {gate: {name: g5, shared: ^true}}", ".arch.gate.shared", "there are no heads"},
		{"arch: {gate: {name: g1, sparse: ^true, input_independent: true}}", ".arch.gate.sparse", "reads no channels"},
		{"arch: {norm_placement: sandwich, gate: {name: g1, granularity: ^headwise, shared: true}}", ".arch.gate.granularity", "one score scales all"},
		{"arch: {mlp: {multiple: .4}, gate: {name: g1, match_params: ^true}}", ".arch.gate.match_params", "more than"},
		{"arch: {heads: 4, kv_heads: ^3}", ".arch.kv_heads", "must divide arch.heads (4)"},
		{"arch: {width: 65, heads: ^2}", ".arch.heads", "must divide arch.width (65)"},
		{"optim: {name: sgd, momentum: 0, nesterov: ^true}", ".optim.nesterov", "needs a momentum above 0"},
		{"optim: {after_step: {name: tvr, every: ^0}}", ".optim.after_step.every", "at least 1"},
		{"arch: {tied: true}, optim: {groups: {head: {lr_factor: ^0.1}}}", ".optim.groups.head.lr_factor", "leaves the head no weights of its own"},
		{"arch: {tied: true}, optim: {groups: {head: {weight_decay_factor: ^0}}}", ".optim.groups.head.weight_decay_factor", "leaves the head no weights of its own"},
		{"schedule: {warmup: 5, warmup_tokens: ^100}", ".schedule.warmup_tokens", "is given beside warmup"},
		{"schedule: {name: cosine, floor: ^2}", ".schedule.floor", "must be in [0, 1]"},
	} {
		line := "  b: {" + c.arm + "}"
		at := strings.Index(line, "^")
		_, err := LoadBytes("s.yaml", []byte("name: x\narms:\n  a: {}\n"+strings.Replace(line, "^", "", 1)+"\n"))
		want := fmt.Sprintf("s.yaml:4:%d: arms.b%s: ", at+1, c.key)
		if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s:\ngot  %v\nwant %s… %s", c.arm, err, want, c.reason)
		}
	}
}
