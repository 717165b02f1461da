-- Appends a group of commands under the lock of the head row; one result row for each command, in order.
-- c_checks[i], c_quiet[i] and c_events[i] say how many entries of x_*, q_* and e_* belong to command i.
-- A check is (stream, version): n = exactly, 0 = must not exist, -1 = must exist. Streams are compared case-folded.
-- Exactly n: no event came after n but audited accesses, which decide nothing.
-- A quiet entry is (thing, type, position): no event of the type that concerns the thing came after the position.
-- kind: appended | duplicate (same key, same input) | key_reused (same key, other input) | conflict (a check failed).
create function append_many(
  c_key text[], c_input bytea[], c_checks int[], c_quiet int[], c_events int[], x_stream text[], x_version int[],
  q_thing text[], q_type text[], q_position bigint[], e_stream text[], e_type text[], e_data jsonb[], e_meta jsonb[])
returns table (kind text, first bigint, last bigint, at timestamptz, versions int[], stream text, actual int)
language plpgsql as $$
#variable_conflict use_column
declare
  h event_head;
  k commands;
  start bigint;
  n int;
  x int := 0;
  q int := 0;
  e int := 0;
  independent int[];
  together record;
begin
  select * into strict h from event_head for update;
  start := h.position;
  -- below four, looking whether they are independent costs what it saves
  if cardinality(c_key) >= 4 and cardinality(q_thing) = 0 then
    independent := independent_versions(c_key, c_checks, c_events, x_stream, x_version, e_stream);
  end if;
  if independent is not null then
    together := append_together(h, c_key, c_input, c_events, e_stream, independent, e_type, e_data, e_meta);
    h := together.head;
    kind := 'appended';
    for i in 1 .. cardinality(c_key) loop
      first := together.c_first[i]; last := together.c_last[i]; at := together.c_at[i];
      versions := case when c_events[i] > 0 then independent[e + 1 : e + c_events[i]] end;
      e := e + c_events[i];
      return next;
    end loop;
    c_key := '{}';  -- nothing is left for the loop
  end if;
  <<command>>
  for i in 1 .. cardinality(c_key) loop
    x := x + c_checks[i];
    q := q + c_quiet[i];
    e := e + c_events[i];
    first := null; last := null; at := null; versions := null; stream := null; actual := null;
    select * into k from commands where key = c_key[i];
    if found then
      kind := case when k.input = c_input[i] then 'duplicate' else 'key_reused' end;
      first := k.first; last := k.last; at := k.at;
      return next;
      continue command;
    end if;
    for j in x - c_checks[i] + 1 .. x loop
      select coalesce(max(v.version), 0) into n from events v where lower(v.stream) = lower(x_stream[j]);
      continue when n = x_version[j] or x_version[j] = -1 and n > 0;
      if x_version[j] not between 1 and n or exists (
        select from events v where lower(v.stream) = lower(x_stream[j]) and v.version > x_version[j]
           and v.type <> 'AccessAudited') then
        kind := 'conflict'; stream := x_stream[j]; actual := n;
        return next;
        continue command;
      end if;
    end loop;
    for j in q - c_quiet[i] + 1 .. q loop
      if exists (select from events v where v.type = q_type[j] and v.position > q_position[j]
                    and jsonb_exists(v.meta -> 'about', q_thing[j])) then
        kind := 'conflict'; stream := q_thing[j];
        return next;
        continue command;
      end if;
    end loop;
    kind := 'appended';
    at := greatest(clock_timestamp(), h.recorded_at + interval '1 microsecond');
    for j in e - c_events[i] + 1 .. e loop
      select coalesce(max(v.version), 0) + 1 into n from events v where lower(v.stream) = lower(e_stream[j]);
      h.position := h.position + 1;
      h.recorded_at := at;
      first := coalesce(first, h.position);
      last := h.position;
      versions := versions || n;
      h.hash := event_hash(h.hash, h.position, e_stream[j], n, e_type[j], at, e_data[j], e_meta[j]);
      insert into events values (h.position, e_stream[j], n, e_type[j], e_data[j], e_meta[j], at, h.hash);
    end loop;
    insert into commands values (c_key[i], c_input[i], first, last, at);
    return next;
  end loop;
  if h.position > start then
    update event_head set position = h.position, recorded_at = h.recorded_at, hash = h.hash;
    perform pg_notify('events', h.position::text);
  end if;
end
$$;
