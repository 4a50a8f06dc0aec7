"""Migrations: on disk with their companions, and in the history that is shared with the Supabase CLI."""
