# R with sailer, Seurat and SingleCellExperiment, computing on the CPU:
#
#   docker build -t sailer .
#   docker run --rm -it -v "$PWD":/data -w /data sailer R
FROM debian:trixie-slim

COPY . /sailer
RUN /sailer/tools/setup-debian \
  && cd /tmp \
  && R CMD build --no-build-vignettes /sailer \
  && MAKEFLAGS=-j2 R CMD INSTALL sailer_*.tar.gz \
  && Rscript -e 'library(sailer); sailer_sitrep()' \
  && rm -rf /sailer /tmp/* /var/lib/apt/lists/*

# Text in UTF-8. Threads that wait for work sleep, which is kinder to a shared
# machine.
ENV LANG=C.UTF-8 OMP_WAIT_POLICY=PASSIVE
CMD ["R"]
