-- Who works on which run, and until when. run is a hash, because a run is leased before it is stored. Times are in µs
-- since 1970.
CREATE TABLE leases (
	run     TEXT PRIMARY KEY,
	owner   TEXT NOT NULL,
	host    TEXT NOT NULL,
	pid     INTEGER NOT NULL,
	since   INTEGER NOT NULL,
	expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The time of the last request to stop a run.
CREATE TABLE stops (
	run TEXT PRIMARY KEY,
	at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The changes in a run's life, as its coordinators saw them. Clock values, like timings: identity and byte checks ignore
-- them.
CREATE TABLE events (
	run     TEXT NOT NULL,
	at      INTEGER NOT NULL,
	status  TEXT NOT NULL,
	step    INTEGER NOT NULL,
	message TEXT NOT NULL,
	PRIMARY KEY (run, at, status, step)
) STRICT, WITHOUT ROWID;

-- The databases that were merged in: the file (relative to this database's folder if below it), the number of measured
-- rows that it added, and the time of the last of them. Clock values, like events.
CREATE TABLE shards (
	file TEXT PRIMARY KEY,
	rows INTEGER NOT NULL,
	at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The verdict on a paper's claim, judged on a sweep. detail is a JSON object of the numbers that it rests on.
CREATE TABLE claims (
	sweep     TEXT NOT NULL,
	name      TEXT NOT NULL,
	source    TEXT NOT NULL,
	statement TEXT NOT NULL,
	verdict   TEXT NOT NULL,
	detail    TEXT NOT NULL,
	PRIMARY KEY (sweep, name)
) STRICT, WITHOUT ROWID;
