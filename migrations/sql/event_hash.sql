-- The hash of one event: SHA-256 over the hash before it and the event's own columns as one JSON array.
-- Time goes in as microseconds since 1970, so that no session setting can change the text.
create function event_hash(previous bytea, pos bigint, stream text, version int, type text,
                           at timestamptz, data jsonb, meta jsonb) returns bytea
language sql immutable strict parallel safe as $$
  select sha256(previous || convert_to(jsonb_build_array(
    pos, stream, version, type, (extract(epoch from at) * 1000000)::bigint, data, meta)::text, 'UTF8'))
$$;
