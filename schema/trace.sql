-- SPDX-License-Identifier: GPL-2.0-or-later
-- The tables of a trace. They hold it compactly and may change from one schema
-- to the next; read the views of views.sql instead. Times are ns; handles are
-- 64-bit values in SQLite's signed integers (NIL is -1).

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- The protocol, so that a trace explains itself: a copy of shfl.def and of the
-- status codes. root, handle, offset and count are the indexes of the
-- parameters with that role; root + 8 if the service gives the root.
CREATE TABLE function (
	kind INTEGER NOT NULL, -- 1: a guest's call, 2: the host's own
	fn INTEGER NOT NULL,
	name TEXT NOT NULL,
	root INTEGER,
	handle INTEGER,
	offset INTEGER,
	count INTEGER,
	PRIMARY KEY (kind, fn)
) WITHOUT ROWID;
CREATE TABLE parameter (
	kind INTEGER NOT NULL,
	fn INTEGER NOT NULL,
	idx INTEGER NOT NULL,
	name TEXT NOT NULL,
	direction TEXT NOT NULL,
	role TEXT NOT NULL,
	PRIMARY KEY (kind, fn, idx)
) WITHOUT ROWID;
CREATE TABLE status (status INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE create_result (result INTEGER PRIMARY KEY, name TEXT NOT NULL);

-- What many calls have in common is stored once.
CREATE TABLE shape (
	shape_id INTEGER PRIMARY KEY,
	kind INTEGER NOT NULL, -- enum trace_kind
	side INTEGER NOT NULL, -- enum trace_side
	fn INTEGER NOT NULL,
	process INTEGER, -- pid of the host process that served it; NULL: the host did not see it
	n INTEGER, -- how many calls are of it; written when the trace is finished
	n_parms INTEGER NOT NULL,
	type0 INTEGER, type1 INTEGER, type2 INTEGER, type3 INTEGER,
	type4 INTEGER, type5 INTEGER, type6 INTEGER, type7 INTEGER
);
CREATE TABLE task (
	task_id INTEGER PRIMARY KEY,
	pid INTEGER NOT NULL,
	tid INTEGER NOT NULL,
	comm TEXT NOT NULL
);
CREATE TABLE hop (
	hop_id INTEGER PRIMARY KEY,
	side INTEGER NOT NULL,
	name TEXT NOT NULL,
	n INTEGER -- of spans; written when the trace is finished
);
CREATE TABLE path (path_id INTEGER PRIMARY KEY, path TEXT NOT NULL);
CREATE TABLE payload (
	payload_id INTEGER PRIMARY KEY,
	length INTEGER NOT NULL, -- bytes of the memory that it is from
	checksum INTEGER NOT NULL, -- intern_hash of data as it was stored
	data BLOB NOT NULL -- as many of them as were captured
);

-- Calls and control events in the order in which the service saw them.
-- in: an integer's value, a pointer's size. out: an integer's value afterwards
-- (NULL: the same), the payload_id of a pointer's memory afterwards. mem: the
-- payload_id of a pointer's memory before.
CREATE TABLE call (
	call_id INTEGER PRIMARY KEY,
	shape_id INTEGER NOT NULL,
	client INTEGER NOT NULL,
	status INTEGER NOT NULL,
	flags INTEGER NOT NULL, -- TRACE_F_*; 128: not complete, 256: control event
	start_ns INTEGER NOT NULL,
	duration_ns INTEGER, -- NULL: not ended
	guest_start_ns INTEGER, -- raw
	guest_duration_ns INTEGER,
	task_id INTEGER NOT NULL,
	op_id INTEGER,
	share_id INTEGER,
	path_id INTEGER,
	in0 INTEGER, out0 INTEGER, mem0 INTEGER,
	in1 INTEGER, out1 INTEGER, mem1 INTEGER,
	in2 INTEGER, out2 INTEGER, mem2 INTEGER,
	in3 INTEGER, out3 INTEGER, mem3 INTEGER,
	in4 INTEGER, out4 INTEGER, mem4 INTEGER
);
-- The rest of calls with more than five parameters.
CREATE TABLE call_more (
	call_id INTEGER PRIMARY KEY,
	in5 INTEGER, out5 INTEGER, mem5 INTEGER,
	in6 INTEGER, out6 INTEGER, mem6 INTEGER,
	in7 INTEGER, out7 INTEGER, mem7 INTEGER
);

-- Calls that ended differently in the guest than in the service (cancelled ones).
CREATE TABLE guest_status (call_id INTEGER PRIMARY KEY, status INTEGER NOT NULL);

-- Hops crossed by calls. enter_ns counts from the call's start.
CREATE TABLE span (
	call_id INTEGER NOT NULL,
	idx INTEGER NOT NULL,
	hop_id INTEGER NOT NULL,
	depth INTEGER NOT NULL,
	parent INTEGER, -- idx of the enclosing span
	enter_ns INTEGER NOT NULL,
	duration_ns INTEGER, -- NULL: not left
	ret INTEGER NOT NULL,
	PRIMARY KEY (call_id, idx)
) WITHOUT ROWID;
-- Spans that stand for more than one crossing.
CREATE TABLE span_merged (
	call_id INTEGER NOT NULL,
	idx INTEGER NOT NULL,
	n INTEGER NOT NULL,
	busy_ns INTEGER NOT NULL,
	PRIMARY KEY (call_id, idx)
) WITHOUT ROWID;

CREATE TABLE op (
	op_id INTEGER PRIMARY KEY,
	hop_id INTEGER NOT NULL,
	start_ns INTEGER NOT NULL,
	duration_ns INTEGER,
	ret INTEGER NOT NULL,
	task_id INTEGER NOT NULL,
	n_calls INTEGER NOT NULL,
	path_id INTEGER -- NULL: not known, or that of its calls
);

-- What CREATE calls led to, and which event ended the handle.
CREATE TABLE opened (
	call_id INTEGER PRIMARY KEY,
	result INTEGER NOT NULL,
	handle INTEGER, -- NULL: none was opened
	closed_by INTEGER
);
CREATE TABLE share (
	share_id INTEGER PRIMARY KEY,
	process INTEGER, -- as in shape: each has shares and roots of its own
	name TEXT NOT NULL,
	path TEXT, -- on the host; NULL: added before the trace began
	mount_point TEXT,
	flags INTEGER, -- SHFL_ADD_MAPPING_F_*
	root INTEGER, -- NULL: never mapped
	added_by INTEGER,
	removed_by INTEGER,
	calls INTEGER -- how many; written when the trace is finished
);
CREATE TABLE client (
	client_id INTEGER PRIMARY KEY,
	process INTEGER, -- as in shape: numbers of clients mean something within one
	client INTEGER NOT NULL,
	requestor INTEGER,
	connected_by INTEGER, -- NULL: connected before the trace began
	disconnected_by INTEGER,
	utf8 INTEGER NOT NULL,
	calls INTEGER -- how many; written when the trace is finished
);
CREATE TABLE loss (
	side INTEGER NOT NULL,
	hop TEXT,
	reason TEXT NOT NULL,
	n INTEGER NOT NULL,
	after INTEGER -- the last event before the place where it happened; NULL: not known
);
-- A clock that stepped has several rows, each for what follows its from_ns.
CREATE TABLE clock_fit (
	side INTEGER NOT NULL,
	from_ns INTEGER NOT NULL, -- raw
	offset_ns INTEGER NOT NULL,
	drift_ppb INTEGER NOT NULL,
	base_ns INTEGER NOT NULL,
	error_ns INTEGER NOT NULL,
	fitted INTEGER NOT NULL,
	checked INTEGER NOT NULL,
	violations INTEGER NOT NULL,
	worst_ns INTEGER NOT NULL,
	PRIMARY KEY (side, from_ns)
) WITHOUT ROWID;

-- Summaries, written when the trace is finished.
CREATE TABLE hop_summary (
	hop_id INTEGER PRIMARY KEY,
	parent INTEGER, -- hop_id of the hop that it was mostly entered from
	position INTEGER NOT NULL, -- in the order of the tree that this makes
	level INTEGER NOT NULL, -- in this tree
	depth REAL NOT NULL, -- mean
	n INTEGER NOT NULL,
	total_ns INTEGER NOT NULL,
	self_ns INTEGER NOT NULL,
	min INTEGER NOT NULL,
	p50 INTEGER NOT NULL,
	p90 INTEGER NOT NULL,
	p99 INTEGER NOT NULL,
	max INTEGER NOT NULL,
	errors INTEGER NOT NULL
);
CREATE TABLE function_summary (
	fn INTEGER PRIMARY KEY,
	n INTEGER NOT NULL,
	total_ns INTEGER NOT NULL,
	min INTEGER NOT NULL,
	p50 INTEGER NOT NULL,
	p90 INTEGER NOT NULL,
	p99 INTEGER NOT NULL,
	max INTEGER NOT NULL,
	errors INTEGER NOT NULL
);
CREATE TABLE file_summary (
	share_id INTEGER, -- NULL: not known
	path_id INTEGER NOT NULL,
	calls INTEGER NOT NULL,
	opens INTEGER NOT NULL,
	reads INTEGER NOT NULL,
	writes INTEGER NOT NULL,
	bytes_read INTEGER NOT NULL,
	bytes_written INTEGER NOT NULL,
	errors INTEGER NOT NULL,
	total_ns INTEGER NOT NULL
);
-- The slowest calls.
CREATE TABLE slow_call (call_id INTEGER PRIMARY KEY);
