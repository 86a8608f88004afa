-- SPDX-License-Identifier: GPL-2.0-or-later
-- The stable read API of a trace: columns may be added, never renamed or
-- removed. docs/trace-schema.md explains each.

CREATE VIEW calls AS
SELECT c.call_id, c.op_id,
	CASE s.side WHEN 1 THEN 'guest' WHEN 2 THEN 'host' ELSE 'both' END AS side,
	c.client, s.fn, coalesce(f.name, 'SHFL_FN_' || s.fn) AS fn_name, sh.name AS share,
	CASE f.root
		WHEN 0 THEN c.in0 WHEN 1 THEN c.in1 WHEN 2 THEN c.in2 WHEN 3 THEN c.in3
		WHEN 4 THEN c.in4 WHEN 5 THEN m.in5 WHEN 6 THEN m.in6 WHEN 7 THEN m.in7
		WHEN 8 THEN coalesce(c.out0, c.in0) WHEN 9 THEN coalesce(c.out1, c.in1)
		WHEN 10 THEN coalesce(c.out2, c.in2) WHEN 11 THEN coalesce(c.out3, c.in3)
		WHEN 12 THEN coalesce(c.out4, c.in4) WHEN 13 THEN coalesce(m.out5, m.in5)
		WHEN 14 THEN coalesce(m.out6, m.in6) WHEN 15 THEN coalesce(m.out7, m.in7) END AS root,
	coalesce(o.handle,
	CASE f.handle
		WHEN 0 THEN c.in0 WHEN 1 THEN c.in1 WHEN 2 THEN c.in2 WHEN 3 THEN c.in3
		WHEN 4 THEN c.in4 WHEN 5 THEN m.in5 WHEN 6 THEN m.in6 WHEN 7 THEN m.in7 END) AS handle,
	p.path,
	CASE f.offset
		WHEN 0 THEN c.in0 WHEN 1 THEN c.in1 WHEN 2 THEN c.in2 WHEN 3 THEN c.in3
		WHEN 4 THEN c.in4 WHEN 5 THEN m.in5 WHEN 6 THEN m.in6 WHEN 7 THEN m.in7 END AS offset,
	CASE f.count
		WHEN 0 THEN c.in0 WHEN 1 THEN c.in1 WHEN 2 THEN c.in2 WHEN 3 THEN c.in3
		WHEN 4 THEN c.in4 WHEN 5 THEN m.in5 WHEN 6 THEN m.in6 WHEN 7 THEN m.in7 END AS count_in,
	CASE WHEN c.duration_ns IS NULL THEN NULL ELSE CASE f.count
		WHEN 0 THEN coalesce(c.out0, c.in0) WHEN 1 THEN coalesce(c.out1, c.in1)
		WHEN 2 THEN coalesce(c.out2, c.in2) WHEN 3 THEN coalesce(c.out3, c.in3)
		WHEN 4 THEN coalesce(c.out4, c.in4) WHEN 5 THEN coalesce(m.out5, m.in5)
		WHEN 6 THEN coalesce(m.out6, m.in6) WHEN 7 THEN coalesce(m.out7, m.in7) END END AS count_out,
	CASE WHEN c.duration_ns IS NOT NULL THEN c.status END AS status,
	CASE WHEN c.duration_ns IS NOT NULL THEN coalesce(st.name, c.status) END AS status_name,
	o.result, cr.name AS result_name,
	c.start_ns, c.duration_ns, t.pid, t.tid, t.comm, c.flags & 128 = 0 AS complete,
	c.flags & 127 AS flags, s.n_parms, c.guest_start_ns, c.guest_duration_ns,
	CASE WHEN c.guest_duration_ns IS NOT NULL THEN coalesce(g.status, c.status) END AS guest_status,
	s.process,
	c.duration_ns IS NOT NULL AND c.status < 0 AND NOT (s.fn = 8 AND c.status = -201) AS failed
FROM call AS c
JOIN shape AS s ON s.shape_id = c.shape_id AND s.kind = 1
LEFT JOIN call_more AS m ON m.call_id = c.call_id
LEFT JOIN guest_status AS g ON g.call_id = c.call_id
LEFT JOIN function AS f ON f.kind = 1 AND f.fn = s.fn
LEFT JOIN task AS t ON t.task_id = c.task_id
LEFT JOIN share AS sh ON sh.share_id = c.share_id
LEFT JOIN path AS p ON p.path_id = c.path_id
LEFT JOIN opened AS o ON o.call_id = c.call_id
LEFT JOIN create_result AS cr ON cr.result = o.result
LEFT JOIN status AS st ON st.status = c.status;

CREATE VIEW spans AS
SELECT s.call_id, h.name AS hop, CASE h.side WHEN 1 THEN 'guest' ELSE 'host' END AS side,
	s.depth, c.start_ns + s.enter_ns AS enter_ns,
	c.start_ns + s.enter_ns + s.duration_ns AS exit_ns,
	coalesce(m.busy_ns, s.duration_ns) AS duration_ns,
	max(0, coalesce(m.busy_ns, s.duration_ns) - coalesce((
		SELECT sum(coalesce(im.busy_ns, i.duration_ns)) FROM span AS i
		LEFT JOIN span_merged AS im ON im.call_id = i.call_id AND im.idx = i.idx
		WHERE i.call_id = s.call_id AND i.parent = s.idx), 0)) AS self_ns,
	s.ret, s.idx, s.parent, coalesce(m.n, 1) AS n
FROM span AS s
JOIN call AS c ON c.call_id = s.call_id
LEFT JOIN hop AS h ON h.hop_id = s.hop_id
LEFT JOIN span_merged AS m ON m.call_id = s.call_id AND m.idx = s.idx;

CREATE VIEW ops AS
SELECT o.op_id, h.name, coalesce((
		SELECT p.path FROM call AS c JOIN path AS p ON p.path_id = c.path_id
		WHERE c.op_id = o.op_id ORDER BY c.call_id LIMIT 1), own.path) AS path,
	o.start_ns, o.duration_ns, o.ret, o.n_calls AS calls, t.pid, t.tid, t.comm
FROM op AS o
LEFT JOIN hop AS h ON h.hop_id = o.hop_id
LEFT JOIN task AS t ON t.task_id = o.task_id
LEFT JOIN path AS own ON own.path_id = o.path_id;

CREATE VIEW params AS
SELECT v.call_id, v.idx, p.name,
	CASE v.type WHEN 1 THEN '32bit' WHEN 2 THEN '64bit' WHEN 3 THEN 'ptr'
		WHEN 4 THEN 'pages' ELSE 'invalid' END AS kind,
	p.direction,
	CASE WHEN v.type IN (1, 2) THEN v.i END AS value_in,
	CASE WHEN v.type IN (1, 2) AND v.duration_ns IS NOT NULL
		THEN coalesce(v.o, v.i) END AS value_out,
	CASE WHEN v.type IN (3, 4) THEN v.m END AS payload_in,
	CASE WHEN v.type IN (3, 4) THEN v.o END AS payload_out,
	CASE WHEN v.type IN (3, 4) THEN v.i END AS size,
	p.role
FROM (
	SELECT c.call_id, c.shape_id, c.duration_ns, 0 AS idx, s.type0 AS type,
		c.in0 AS i, c.out0 AS o, c.mem0 AS m
	FROM call AS c JOIN shape AS s ON s.shape_id = c.shape_id WHERE s.type0 IS NOT NULL UNION ALL
	SELECT c.call_id, c.shape_id, c.duration_ns, 1 AS idx, s.type1 AS type,
		c.in1 AS i, c.out1 AS o, c.mem1 AS m
	FROM call AS c JOIN shape AS s ON s.shape_id = c.shape_id WHERE s.type1 IS NOT NULL UNION ALL
	SELECT c.call_id, c.shape_id, c.duration_ns, 2 AS idx, s.type2 AS type,
		c.in2 AS i, c.out2 AS o, c.mem2 AS m
	FROM call AS c JOIN shape AS s ON s.shape_id = c.shape_id WHERE s.type2 IS NOT NULL UNION ALL
	SELECT c.call_id, c.shape_id, c.duration_ns, 3 AS idx, s.type3 AS type,
		c.in3 AS i, c.out3 AS o, c.mem3 AS m
	FROM call AS c JOIN shape AS s ON s.shape_id = c.shape_id WHERE s.type3 IS NOT NULL UNION ALL
	SELECT c.call_id, c.shape_id, c.duration_ns, 4 AS idx, s.type4 AS type,
		c.in4 AS i, c.out4 AS o, c.mem4 AS m
	FROM call AS c JOIN shape AS s ON s.shape_id = c.shape_id WHERE s.type4 IS NOT NULL UNION ALL
	SELECT c.call_id, c.shape_id, c.duration_ns, 5 AS idx, s.type5 AS type,
		m.in5 AS i, m.out5 AS o, m.mem5 AS m
	FROM call AS c JOIN shape AS s ON s.shape_id = c.shape_id
	JOIN call_more AS m ON m.call_id = c.call_id WHERE s.type5 IS NOT NULL UNION ALL
	SELECT c.call_id, c.shape_id, c.duration_ns, 6 AS idx, s.type6 AS type,
		m.in6 AS i, m.out6 AS o, m.mem6 AS m
	FROM call AS c JOIN shape AS s ON s.shape_id = c.shape_id
	JOIN call_more AS m ON m.call_id = c.call_id WHERE s.type6 IS NOT NULL UNION ALL
	SELECT c.call_id, c.shape_id, c.duration_ns, 7 AS idx, s.type7 AS type,
		m.in7 AS i, m.out7 AS o, m.mem7 AS m
	FROM call AS c JOIN shape AS s ON s.shape_id = c.shape_id
	JOIN call_more AS m ON m.call_id = c.call_id WHERE s.type7 IS NOT NULL
) AS v
JOIN shape AS s ON s.shape_id = v.shape_id
LEFT JOIN parameter AS p ON p.kind = s.kind AND p.fn = s.fn AND p.idx = v.idx;

CREATE VIEW payloads AS
SELECT payload_id, length, length(data) AS captured, data FROM payload;

CREATE VIEW control AS
SELECT c.call_id, c.start_ns AS time_ns,
	CASE s.kind WHEN 3 THEN 'connect' WHEN 4 THEN 'disconnect'
		ELSE coalesce(f.name, 'SHFL_FN_' || s.fn) END AS event,
	CASE WHEN s.kind IN (3, 4) THEN c.client END AS client,
	CASE WHEN s.kind = 3 THEN c.in0 END AS requestor,
	sh.name AS share, p.path, CASE WHEN s.kind = 2 AND s.fn = 1 THEN c.in2 END AS flags,
	c.status, coalesce(st.name, c.status) AS status_name, c.duration_ns, s.process
FROM call AS c
JOIN shape AS s ON s.shape_id = c.shape_id
LEFT JOIN function AS f ON f.kind = s.kind AND f.fn = s.fn
LEFT JOIN share AS sh ON sh.share_id = c.share_id
LEFT JOIN path AS p ON p.path_id = c.path_id
LEFT JOIN status AS st ON st.status = c.status
WHERE c.flags & 256
ORDER BY c.call_id;

CREATE VIEW shares AS
SELECT share_id, name, path, flags, root, mount_point, flags & 1 = 1 AS writable,
	added_by, removed_by, coalesce(calls, 0) AS calls, process
FROM share;

CREATE VIEW clients AS
SELECT k.client, k.requestor, a.start_ns AS connected_ns, b.start_ns AS disconnected_ns,
	k.connected_by IS NULL AS inherited, k.utf8, coalesce(k.calls, 0) AS calls,
	k.process, k.client_id
FROM client AS k
LEFT JOIN call AS a ON a.call_id = k.connected_by
LEFT JOIN call AS b ON b.call_id = k.disconnected_by;

-- share: of the time spent in all hops, the part spent in this one itself.
CREATE VIEW hop_latency AS
SELECT h.name AS hop, CASE h.side WHEN 1 THEN 'guest' ELSE 'host' END AS side,
	s.n, s.total_ns, s.min, s.p50, s.p90, s.p99, s.max, s.errors,
	s.self_ns, s.self_ns * 1.0 / nullif(sum(s.self_ns) OVER (), 0) AS share, s.depth,
	p.name AS parent, s.level, s.position
FROM hop_summary AS s
JOIN hop AS h ON h.hop_id = s.hop_id
LEFT JOIN hop AS p ON p.hop_id = s.parent
ORDER BY s.position;

CREATE VIEW function_latency AS
SELECT s.fn, coalesce(f.name, 'SHFL_FN_' || s.fn) AS fn_name,
	s.n, s.total_ns, s.min, s.p50, s.p90, s.p99, s.max, s.errors,
	s.total_ns * 1.0 / nullif(sum(s.total_ns) OVER (), 0) AS share
FROM function_summary AS s
LEFT JOIN function AS f ON f.kind = 1 AND f.fn = s.fn
ORDER BY s.total_ns DESC;

-- The end of a listing (VERR_NO_MORE_FILES of LIST) is no error.
CREATE VIEW errors AS
SELECT coalesce(f.name, 'SHFL_FN_' || e.fn) AS fn_name, e.status,
	coalesce(st.name, e.status) AS status_name, e.n, e.first_call_id, e.last_call_id,
	p.path AS example_path
FROM (
	SELECT s.fn, failed.status, sum(failed.n) AS n, min(failed.first) AS first_call_id,
		max(failed.last) AS last_call_id
	FROM (
		SELECT status, shape_id, count(*) AS n, min(call_id) AS first, max(call_id) AS last
		FROM call WHERE status < 0 GROUP BY status, shape_id) AS failed
	JOIN shape AS s ON s.shape_id = failed.shape_id AND s.kind = 1
	WHERE NOT (s.fn = 8 AND failed.status = -201)
	GROUP BY s.fn, failed.status) AS e
LEFT JOIN function AS f ON f.kind = 1 AND f.fn = e.fn
LEFT JOIN call AS c ON c.call_id = e.first_call_id
LEFT JOIN path AS p ON p.path_id = c.path_id
LEFT JOIN status AS st ON st.status = e.status
ORDER BY e.n DESC, fn_name, e.status;

CREATE VIEW slowest AS
SELECT call_id, fn_name, share, path, duration_ns, status_name, start_ns, pid, comm, side, client,
	process
FROM calls
WHERE call_id IN (SELECT call_id FROM slow_call)
ORDER BY duration_ns DESC, call_id;

CREATE VIEW files AS
SELECT s.name AS share, p.path, f.calls, f.opens, f.reads, f.writes, f.bytes_read,
	f.bytes_written, f.errors, f.total_ns, s.process
FROM file_summary AS f
LEFT JOIN share AS s ON s.share_id = f.share_id
LEFT JOIN path AS p ON p.path_id = f.path_id
ORDER BY f.total_ns DESC;

CREATE VIEW open_handles AS
SELECT o.call_id, c.client, sh.name AS share, p.path, o.handle, c.start_ns, t.pid, t.comm,
	h.process
FROM opened AS o
JOIN call AS c ON c.call_id = o.call_id
LEFT JOIN shape AS h ON h.shape_id = c.shape_id
LEFT JOIN share AS sh ON sh.share_id = c.share_id
LEFT JOIN path AS p ON p.path_id = c.path_id
LEFT JOIN task AS t ON t.task_id = c.task_id
WHERE o.handle IS NOT NULL AND o.closed_by IS NULL;

-- age_ns: until the last moment that the trace knows of. hop: the innermost
-- one that was entered and not left.
CREATE VIEW unfinished AS
SELECT call_id, side, client, fn_name, share, path, handle, start_ns,
	(SELECT max(CAST(value AS INTEGER)) FROM meta WHERE key IN ('last_ns', 'stopped_ns'))
		- start_ns AS age_ns,
	(SELECT h.name FROM span AS s JOIN hop AS h ON h.hop_id = s.hop_id
		WHERE s.call_id = calls.call_id AND s.duration_ns IS NULL
		ORDER BY s.idx DESC LIMIT 1) AS hop,
	pid, tid, comm, process
FROM calls
WHERE duration_ns IS NULL;

CREATE VIEW losses AS
SELECT CASE side WHEN 1 THEN 'guest' WHEN 2 THEN 'host' ELSE 'both' END AS side, hop, reason,
	sum(n) AS n, min(after) AS first_after_call_id, max(after) AS last_after_call_id
FROM loss GROUP BY side, hop, reason;

-- The same, each where it happened: after this event and before the next.
CREATE VIEW loss_places AS
SELECT after AS after_call_id,
	CASE side WHEN 1 THEN 'guest' WHEN 2 THEN 'host' ELSE 'both' END AS side, hop, reason, n
FROM loss ORDER BY after;

CREATE VIEW clock AS
SELECT CASE side WHEN 1 THEN 'guest' ELSE 'host' END AS side, offset_ns, drift_ppb, error_ns,
	base_ns, fitted, checked, violations, from_ns, worst_ns
FROM clock_fit ORDER BY side, from_ns;
