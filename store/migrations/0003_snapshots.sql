-- Where the |activation| of each sequence is kept: file is in the run's folder, tensor is the name in it.
CREATE TABLE snapshot_files (
	run      INTEGER NOT NULL REFERENCES runs (id),
	step     INTEGER NOT NULL,
	site     INTEGER NOT NULL REFERENCES names (id),
	layer    INTEGER NOT NULL,
	sequence INTEGER NOT NULL,
	file     TEXT NOT NULL,
	tensor   TEXT NOT NULL,
	PRIMARY KEY (run, step, site, layer, sequence)
) STRICT, WITHOUT ROWID;

CREATE VIEW snapshots AS
SELECT r.hash AS run, s.step, s.layer, a.name AS site, s.sequence, s.file, s.tensor
FROM snapshot_files s
	JOIN runs r ON r.id = s.run
	JOIN names a ON a.id = s.site;
