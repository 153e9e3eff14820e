"""The two nets and their step."""
