-- What the tokens of a run's probe batch stand for: the values of the statistics that count tokens.
CREATE TABLE token_labels (
	run   INTEGER NOT NULL REFERENCES runs (id),
	token INTEGER NOT NULL,
	label TEXT NOT NULL,
	PRIMARY KEY (run, token)
) STRICT, WITHOUT ROWID;

CREATE VIEW tokens AS
SELECT r.hash AS run, t.token, t.label FROM token_labels t JOIN runs r ON r.id = t.run;
