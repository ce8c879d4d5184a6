-- Who works on which run until when. run is a hash: a run is leased before it is stored. Moments are in µs since 1970.
CREATE TABLE leases (
	run     TEXT PRIMARY KEY,
	owner   TEXT NOT NULL,
	host    TEXT NOT NULL,
	pid     INTEGER NOT NULL,
	since   INTEGER NOT NULL,
	expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- When it was last asked that a run be stopped.
CREATE TABLE stops (
	run TEXT PRIMARY KEY,
	at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What became of a run, as its coordinators saw it: clock values, outside identity and byte checks as timings are.
CREATE TABLE events (
	run     TEXT NOT NULL,
	at      INTEGER NOT NULL,
	status  TEXT NOT NULL,
	step    INTEGER NOT NULL,
	message TEXT NOT NULL,
	PRIMARY KEY (run, at, status, step)
) STRICT, WITHOUT ROWID;

-- Which databases were merged in: the file, from this database's folder where it lies below it, how many measured rows
-- it brought, and when the last of them. Clock values, as events are.
CREATE TABLE shards (
	file TEXT PRIMARY KEY,
	rows INTEGER NOT NULL,
	at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a claim of a paper came to on a sweep. detail is a JSON object of the numbers that were judged.
CREATE TABLE claims (
	sweep     TEXT NOT NULL,
	name      TEXT NOT NULL,
	source    TEXT NOT NULL,
	statement TEXT NOT NULL,
	verdict   TEXT NOT NULL,
	detail    TEXT NOT NULL,
	PRIMARY KEY (sweep, name)
) STRICT, WITHOUT ROWID;
