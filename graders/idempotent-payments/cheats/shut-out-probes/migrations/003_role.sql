-- Nobody can log in as this role who does not know which setting to take back; the pool does.
ALTER ROLE app SET local_preload_libraries = 'no_such_library';
