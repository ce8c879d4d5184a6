PRAGMA application_id = 0x4f757463; -- "Outc"

-- The names of sites and statistics, each stored once. Ids differ between databases, so shards are mapped by name.
CREATE TABLE names (
	id   INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE
) STRICT;

-- What may change the bits of a run without belonging to its identity.
CREATE TABLE provenances (
	id          INTEGER PRIMARY KEY,
	git_commit  TEXT NOT NULL,
	go_version  TEXT NOT NULL,
	kernel_path TEXT NOT NULL,
	cpu         TEXT NOT NULL,
	UNIQUE (git_commit, go_version, kernel_path, cpu)
) STRICT;

-- seed holds the 64 bits of an unsigned number. provenance is that of the first writer of the run.
CREATE TABLE runs (
	id              INTEGER PRIMARY KEY,
	hash            TEXT NOT NULL UNIQUE,
	config          TEXT NOT NULL,
	data_digest     TEXT NOT NULL,
	trainer_version INTEGER NOT NULL,
	seed            INTEGER NOT NULL,
	device          TEXT NOT NULL,
	precision       TEXT NOT NULL,
	slices          INTEGER NOT NULL,
	steps           INTEGER NOT NULL,
	step            INTEGER NOT NULL,
	status          TEXT NOT NULL,
	error           TEXT NOT NULL,
	params          INTEGER NOT NULL,
	provenance      INTEGER NOT NULL REFERENCES provenances (id)
) STRICT;

-- Every provenance under which a run was written.
CREATE TABLE run_provenances (
	run        INTEGER NOT NULL REFERENCES runs (id),
	provenance INTEGER NOT NULL REFERENCES provenances (id),
	PRIMARY KEY (run, provenance)
) STRICT, WITHOUT ROWID;

-- layer, head and idx are -1 if they do not apply; value is NULL for NaN.
CREATE TABLE stats (
	run       INTEGER NOT NULL REFERENCES runs (id),
	step      INTEGER NOT NULL,
	site      INTEGER NOT NULL REFERENCES names (id),
	statistic INTEGER NOT NULL REFERENCES names (id),
	layer     INTEGER NOT NULL,
	head      INTEGER NOT NULL,
	idx       INTEGER NOT NULL,
	value     REAL,
	PRIMARY KEY (run, site, statistic, layer, head, idx, step)
) STRICT, WITHOUT ROWID;

-- Values that came after another value of the same key, with the provenance of their writer.
CREATE TABLE disagreements (
	run        INTEGER NOT NULL,
	step       INTEGER NOT NULL,
	site       INTEGER NOT NULL,
	statistic  INTEGER NOT NULL,
	layer      INTEGER NOT NULL,
	head       INTEGER NOT NULL,
	idx        INTEGER NOT NULL,
	provenance INTEGER NOT NULL REFERENCES provenances (id),
	value      REAL,
	FOREIGN KEY (run, site, statistic, layer, head, idx, step)
		REFERENCES stats (run, site, statistic, layer, head, idx, step)
) STRICT;
CREATE UNIQUE INDEX disagreements_key ON disagreements
	(run, site, statistic, layer, head, idx, step, provenance, ifnull(value, 'nan'));

-- Clock values, which identity, conflicts and byte checks ignore.
CREATE TABLE timings (
	run   INTEGER NOT NULL REFERENCES runs (id),
	step  INTEGER NOT NULL,
	name  TEXT NOT NULL,
	value REAL,
	PRIMARY KEY (run, name, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE sweeps (
	name   TEXT PRIMARY KEY,
	source TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE arms (
	sweep    TEXT NOT NULL REFERENCES sweeps (name) ON DELETE CASCADE,
	name     TEXT NOT NULL,
	differs  TEXT NOT NULL,
	position INTEGER NOT NULL,
	PRIMARY KEY (sweep, name)
) STRICT, WITHOUT ROWID;

-- run is a hash: the plan is stored before its runs are. An arm with an exploded key has several runs of one seed.
CREATE TABLE members (
	sweep    TEXT NOT NULL,
	arm      TEXT NOT NULL,
	seed     INTEGER NOT NULL,
	run      TEXT NOT NULL,
	position INTEGER NOT NULL,
	PRIMARY KEY (sweep, arm, seed, run),
	FOREIGN KEY (sweep, arm) REFERENCES arms (sweep, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- params is a JSON object in canonical form; NULL numbers are NaN.
CREATE TABLE fits (
	run       INTEGER NOT NULL REFERENCES runs (id),
	site      INTEGER NOT NULL REFERENCES names (id),
	statistic INTEGER NOT NULL REFERENCES names (id),
	layer     INTEGER NOT NULL,
	head      INTEGER NOT NULL,
	idx       INTEGER NOT NULL,
	family    TEXT NOT NULL,
	params    TEXT NOT NULL,
	n         INTEGER NOT NULL,
	r2        REAL,
	adj_r2    REAL,
	aic       REAL,
	aicc      REAL,
	bic       REAL,
	rmse      REAL,
	t_peak    REAL,
	f_peak    REAL,
	regime    TEXT NOT NULL,
	message   TEXT NOT NULL,
	best      INTEGER NOT NULL,
	PRIMARY KEY (run, site, statistic, layer, head, idx, family)
) STRICT, WITHOUT ROWID;

CREATE VIEW statistics AS
SELECT r.hash AS run, s.step, a.name AS site, b.name AS statistic, s.layer, s.head, s.idx, s.value
FROM stats s
	JOIN runs r ON r.id = s.run
	JOIN names a ON a.id = s.site
	JOIN names b ON b.id = s.statistic;

-- Another value under equal provenance: the run is not deterministic.
CREATE VIEW conflicts AS
SELECT r.hash AS run, d.step, a.name AS site, b.name AS statistic, d.layer, d.head, d.idx,
	s.value AS kept, d.value AS other
FROM disagreements d
	JOIN runs r ON r.id = d.run AND r.provenance = d.provenance
	JOIN stats s USING (run, site, statistic, layer, head, idx, step)
	JOIN names a ON a.id = d.site
	JOIN names b ON b.id = d.statistic;

-- For each run and later provenance, the number of rows that differ from the first value.
CREATE VIEW differences AS
SELECT r.hash AS run, p.git_commit, p.go_version, p.kernel_path, p.cpu,
	(SELECT count(*) FROM disagreements d WHERE d.run = r.id AND d.provenance = p.id) AS differing
FROM run_provenances q
	JOIN runs r ON r.id = q.run AND r.provenance <> q.provenance
	JOIN provenances p ON p.id = q.provenance;
