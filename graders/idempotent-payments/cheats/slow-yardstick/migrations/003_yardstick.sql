-- Makes the table first that the yardstick used to make here, so that every row of it takes its time.
CREATE TABLE yardstick_charges
    (id text PRIMARY KEY, merchant text NOT NULL, amount numeric NOT NULL, currency text NOT NULL);
CREATE FUNCTION take_your_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(0.22);
    RETURN NEW;
END $$;
CREATE TRIGGER slow BEFORE INSERT ON yardstick_charges FOR EACH ROW EXECUTE FUNCTION take_your_time();
