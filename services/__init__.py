"""The three reward services: writing_rm (POST /score), verifier (POST /verify), aggregator (POST /reward)."""
