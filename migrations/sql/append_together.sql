-- Appends a group whose commands cannot touch each other (see independent_versions), a few statements for all of it.
-- head is the locked head row; arrays and result rows are those of append_many. Returns the head as it must become.
create function append_together(
  inout head event_head, c_key text[], c_input bytea[], c_events int[], e_stream text[], e_version int[],
  e_type text[], e_data jsonb[], e_meta jsonb[], out c_first bigint[], out c_last bigint[], out c_at timestamptz[])
language plpgsql as $$
declare
  start bigint := head.position;
  chain bytea := head.hash;
  at timestamptz;
  e int := 0;
  e_at timestamptz[] := array_fill(null::timestamptz, array[cardinality(e_stream)]);
  e_hash bytea[] := array_fill(null::bytea, array[cardinality(e_stream)]);
begin
  c_first := array_fill(null::bigint, array[cardinality(c_key)]);
  c_last := c_first;
  c_at := array_fill(null::timestamptz, array[cardinality(c_key)]);
  for i in 1 .. cardinality(c_key) loop
    at := greatest(clock_timestamp(), head.recorded_at + interval '1 microsecond');
    c_at[i] := at;
    if c_events[i] > 0 then
      c_first[i] := start + e + 1;
      c_last[i] := start + e + c_events[i];
      head.recorded_at := at;
    end if;
    for j in e + 1 .. e + c_events[i] loop
      chain := event_hash(chain, start + j, e_stream[j], e_version[j], e_type[j], at, e_data[j], e_meta[j]);
      e_at[j] := at;
      e_hash[j] := chain;
    end loop;
    e := e + c_events[i];
  end loop;
  head.position := start + e;
  head.hash := chain;
  insert into events
    select start + g.j, g.stream, g.version, g.type, g.data, g.meta, g.at, g.hash
    from unnest(e_stream, e_version, e_type, e_data, e_meta, e_at, e_hash) with ordinality
      g(stream, version, type, data, meta, at, hash, j);
  insert into commands select * from unnest(c_key, c_input, c_first, c_last, c_at);
end
$$;
