"""reissue."""
