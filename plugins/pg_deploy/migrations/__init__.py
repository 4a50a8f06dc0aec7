"""Migrations: the files with their companions, and the history that is shared with the Supabase CLI."""
