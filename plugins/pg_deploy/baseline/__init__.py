"""Adopting a database whose migrations were made by hand or by the Supabase CLI."""
