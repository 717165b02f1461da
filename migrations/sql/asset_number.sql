-- The number of an asset in lineage, given out at its first mention: 0, 1, 2 … without holes, the same for ever.
-- Whoever writes edges holds the lock of the head row, so two never give out one number.
create function asset_number(wanted text) returns int language plpgsql as $$
declare
  known int;
begin
  select number into known from lineage_asset where urn = wanted;
  if known is null then
    insert into lineage_asset select coalesce(max(number) + 1, 0), wanted from lineage_asset
      returning number into known;
  end if;
  return known;
end
$$;
