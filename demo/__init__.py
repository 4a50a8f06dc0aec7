"""The demonstration target: a private PostgreSQL cluster, bootstrapped like Supabase and filled with data."""
