#!/usr/bin/env bash
# darknet 0.0.0+git20180914.61c9d02e-2+b4 (Debian 12's package), CPU.
#
# A layer [batchnorm] has biases, which its source adds and trains. save_weights leaves them out of
# the file, and load_weights does not expect them, so a network that was saved and loaded again has
# biases of 0 there, without a message. The scales, means and variances of the same layer are saved,
# and so are the biases of a [convolutional] layer with batch_normalize=1.
#
# Seen, a [batchnorm] layer of 2 channels with biases of 0.5:
#   before: bias 0.5 0.5 scale 2 2
#   after:  bias 0 0 scale 2 2
#   file:   44 bytes (20 of the header, 6 values; with biases it would have 52)
#   convolutional: bias 0.5 0.5 scale 2 2
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q 'darknet=0.0.0+git20180914.61c9d02e-2+b4' >/dev/null
dpkg-deb -x ./darknet_*.deb .
library=$folder/usr/lib/darknet
# The package is linked to OpenCV, for pictures; none of that is called here.
missing() {
  nm -D --undefined-only "$library/libdarknet.so" | awk '{print $NF}' | grep '^_ZN.*2cv'
}
missing | sed 's/.*/void &(void) { __builtin_trap(); }/' >stand_ins.c
for name in $(readelf -d "$library/libdarknet.so" | sed -n 's/.*\[\(libopencv[^]]*\)\].*/\1/p'); do
  gcc -shared -Wl,-soname,"$name" -o "$library/$name" stand_ins.c
done
cat >ask.c <<'PROGRAM'
#include <stdio.h>

#include <darknet.h>

static void set(float *values, float value) {
  for (int i = 0; i < 2; i++) values[i] = value;
}

static void show(const char *what, layer l) {
  printf("%s bias %g %g scale %g %g\n", what, l.biases[0], l.biases[1], l.scales[0], l.scales[1]);
}

int main(void) {
  network *net = load_network("net.cfg", NULL, 0);
  for (int i = 0; i < net->n; i++) {
    layer l = net->layers[i];
    set(l.biases, 0.5f);
    set(l.scales, 2);
    set(l.rolling_mean, 1);
    set(l.rolling_variance, 4);
  }
  show("before:", net->layers[0]);
  save_weights(net, "all.weights");
  save_weights_upto(net, "first.weights", 1);
  network *again = load_network("net.cfg", "all.weights", 0);
  show("after: ", again->layers[0]);
  FILE *file = fopen("first.weights", "rb");
  fseek(file, 0, SEEK_END);
  printf("file:   %ld bytes\n", ftell(file));
  fclose(file);
  show("convolutional:", again->layers[1]);
  return 0;
}
PROGRAM
printf '[net]\nbatch=1\nheight=4\nwidth=4\nchannels=2\n\n[batchnorm]\n\n[convolutional]\n' >net.cfg
printf 'batch_normalize=1\nfilters=2\nsize=1\nstride=1\npad=0\nactivation=linear\n' >>net.cfg
gcc -I "$library/include" ask.c -L "$library" -ldarknet -lm -o ask \
  -Wl,--disable-new-dtags,--allow-shlib-undefined,-rpath,"$library"
./ask 2>/dev/null | grep -E '^(before|after|file|convolutional):' | tee seen
diff - seen <<'EXPECTED'
before: bias 0.5 0.5 scale 2 2
after:  bias 0 0 scale 2 2
file:   44 bytes
convolutional: bias 0.5 0.5 scale 2 2
EXPECTED
echo "as described"
