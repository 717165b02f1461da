-- What was recorded stays: no statement changes, deletes or truncates events.
create function events_are_final() returns trigger language plpgsql as $$
begin
  raise exception 'events are never changed or deleted (% refused)', lower(tg_op)
    using errcode = 'restrict_violation';
end
$$;
