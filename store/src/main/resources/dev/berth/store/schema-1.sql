-- Times are nanoseconds since 1970. Labels are a JSON object. A payload is a type and bytes.

CREATE TABLE namespaces (
  name TEXT PRIMARY KEY NOT NULL,
  labels TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE contents (
  namespace TEXT NOT NULL REFERENCES namespaces (name),
  digest TEXT NOT NULL,
  size INTEGER NOT NULL,
  labels TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (namespace, digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX contents_by_digest ON contents (digest);

CREATE TABLE images (
  namespace TEXT NOT NULL REFERENCES namespaces (name),
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  target TEXT NOT NULL,
  labels TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (namespace, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX images_by_digest ON images (digest);

CREATE TABLE containers (
  namespace TEXT NOT NULL REFERENCES namespaces (name),
  id TEXT NOT NULL,
  labels TEXT NOT NULL,
  image TEXT NOT NULL,
  snapshotter TEXT NOT NULL,
  snapshot_key TEXT NOT NULL,
  sandbox_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  runtime TEXT NOT NULL,
  runtime_options_type TEXT NOT NULL,
  runtime_options BLOB NOT NULL,
  spec_type TEXT NOT NULL,
  spec BLOB NOT NULL,
  PRIMARY KEY (namespace, id)
) STRICT;

-- Extensions change often and specs are large, so they do not share a row.
CREATE TABLE container_extensions (
  namespace TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (namespace, id, name),
  FOREIGN KEY (namespace, id) REFERENCES containers (namespace, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE sandboxes (
  namespace TEXT NOT NULL REFERENCES namespaces (name),
  id TEXT NOT NULL,
  labels TEXT NOT NULL,
  sandboxer TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  runtime TEXT NOT NULL,
  runtime_options_type TEXT NOT NULL,
  runtime_options BLOB NOT NULL,
  spec_type TEXT NOT NULL,
  spec BLOB NOT NULL,
  PRIMARY KEY (namespace, id)
) STRICT;

CREATE TABLE sandbox_extensions (
  namespace TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (namespace, id, name),
  FOREIGN KEY (namespace, id) REFERENCES sandboxes (namespace, id) ON DELETE CASCADE
) STRICT;

-- AUTOINCREMENT: a number names a directory, and is never given twice.
CREATE TABLE snapshots (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  namespace TEXT NOT NULL REFERENCES namespaces (name),
  snapshotter TEXT NOT NULL,
  key TEXT NOT NULL,
  parent INTEGER REFERENCES snapshots (number),
  kind TEXT NOT NULL CHECK (kind IN ('ACTIVE', 'VIEW', 'COMMITTED')),
  labels TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  used_bytes INTEGER NOT NULL,
  used_inodes INTEGER NOT NULL,
  UNIQUE (namespace, snapshotter, key)
) STRICT;

CREATE INDEX snapshots_by_parent ON snapshots (parent);

CREATE TABLE leases (
  namespace TEXT NOT NULL REFERENCES namespaces (name),
  id TEXT NOT NULL,
  labels TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  PRIMARY KEY (namespace, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE lease_resources (
  namespace TEXT NOT NULL,
  lease TEXT NOT NULL,
  type TEXT NOT NULL,
  id TEXT NOT NULL,
  PRIMARY KEY (namespace, lease, type, id),
  FOREIGN KEY (namespace, lease) REFERENCES leases (namespace, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE leftovers (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  what TEXT NOT NULL,
  payload_type TEXT NOT NULL,
  payload BLOB NOT NULL,
  attempts INTEGER NOT NULL,
  last_error TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  tried_at INTEGER NOT NULL,
  UNIQUE (kind, what)
) STRICT;
