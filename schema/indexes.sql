-- SPDX-License-Identifier: GPL-2.0-or-later
-- Built when a trace is finished: faster than keeping them up to date.

CREATE INDEX call_op ON call (op_id) WHERE op_id IS NOT NULL;
CREATE INDEX call_failed ON call (status, shape_id) WHERE status < 0;
CREATE INDEX call_unfinished ON call (call_id) WHERE duration_ns IS NULL;
CREATE INDEX call_damaged ON call (call_id) WHERE flags & 128;
CREATE INDEX call_control ON call (call_id) WHERE flags & 256;
CREATE INDEX opened_open ON opened (call_id) WHERE handle IS NOT NULL AND closed_by IS NULL;
CREATE INDEX file_busy ON file_summary (total_ns);
