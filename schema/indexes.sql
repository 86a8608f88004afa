-- SPDX-License-Identifier: GPL-2.0-or-later
-- Built when a trace is finished: faster than keeping them up to date.

CREATE INDEX call_op ON call (op_id) WHERE op_id IS NOT NULL;
CREATE INDEX call_status ON call (status) WHERE status < 0;
