#!/usr/bin/env bash
# Claim i of docs/LECTURE.md: batches of 8 in one process, and by four ranks with two images each,
# without and with batch norm synchronized over them. Writes FOLDER/i.csv. Needs an MPI.
#   scripts/claims_ranks.sh PROGRAMS DATA FOLDER SEEDS FIRST-SEED
set -euo pipefail
programs=$1 data=$2 folder=$3 seeds=$4 first=$5
# As root in a container, and with more ranks than processors; the names of Open MPI 4 and 5.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 CUBN_THREADS=1

train() { # VARIANT SEED COMMAND...
  "${@:3}" --device cpu --data "$data" --batch 8 --epochs 8 --lr 0.0125 --momentum 0 \
    --seed "$2" --csv "$folder/i.part" >/dev/null
  awk -F, -v OFS=, -v variant="$1" -v seed="$2" 'NR > 1 {print variant, seed, $3, $4, $5, $6}' \
    "$folder/i.part" >>"$folder/i.new"
}

echo variant,seed,epoch,loss,train_accuracy,test_accuracy >"$folder/i.new"
for ((seed = first; seed < first + seeds; ++seed)); do
  train "one process" "$seed" "$programs/resnet"
  train synchronized "$seed" "${MPIRUN:-mpirun}" -n 4 "$programs/resnet" --sync
  train "each rank alone" "$seed" "${MPIRUN:-mpirun}" -n 4 "$programs/resnet" --parallel
done
rm "$folder/i.part"
mv "$folder/i.new" "$folder/i.csv"
