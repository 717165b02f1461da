-- The version that each event of a group gets where its commands cannot touch each other, else null: every key is
-- new, every check holds, no two commands check one stream exactly, and each command writes only streams that it
-- checks exactly. What holds before such a group then holds at each of its commands. Arrays: see append_many.
create function independent_versions(
  c_key text[], c_checks int[], c_events int[], x_stream text[], x_version int[], e_stream text[])
returns int[]
language plpgsql
-- Plans outlive the sizes that they were made for: one look into an index for each element, at any size.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  independent boolean;
  versions int[] := array_fill(0, array[cardinality(e_stream)]);
  next_version int[] := x_version;
  x int := 0;
  e int := 0;
  c int;
begin
  select count(distinct g.key) = cardinality(c_key) and count((select k.key from commands k where k.key = g.key)) = 0
    into independent from unnest(c_key) g(key);
  if not independent then
    return null;
  end if;
  select coalesce(bool_and(g.exact <= 1 and (g.exact = 0 or s.version = g.version) and (not g.existing or s.version > 0)), true)
    into independent
    from (select lower(u.stream) as stream, count(*) filter (where u.version <> -1) as exact,
                 max(u.version) filter (where u.version <> -1) as version, bool_or(u.version = -1) as existing
          from unnest(x_stream, x_version) u(stream, version) group by 1) g,
    lateral (select coalesce(max(v.version), 0) as version from events v where lower(v.stream) = g.stream) s;
  if not independent then
    return null;
  end if;
  for i in 1 .. cardinality(c_key) loop
    for j in e + 1 .. e + c_events[i] loop
      c := x + 1;
      while c <= x + c_checks[i] and (x_version[c] = -1 or x_stream[c] <> e_stream[j]) loop
        c := c + 1;
      end loop;
      if c > x + c_checks[i] then
        return null;
      end if;
      next_version[c] := next_version[c] + 1;
      versions[j] := next_version[c];
    end loop;
    x := x + c_checks[i];
    e := e + c_events[i];
  end loop;
  return versions;
end
$$;
